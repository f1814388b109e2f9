"""The machines of a cluster: which there are, what each is like, how many actors it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from harness.config.launchers import Cluster
from harness.config.schema import Run
from harness.engine.link import Gone, Link, Node, Seen, Share, unlike
from harness.engine.slots import shared_by
from harness.run.inputs import Input

LOOK_EVERY = 5.0
"""Seconds between two looks at which machines there are."""

FIRST_LOOK = 120.0
"""Seconds that the machines get to tell what they are like before the launch gives up."""

OTHERS = 15.0
"""Seconds that the others get once the first has told; later they join as new ones do."""


class Place(NamedTuple):
    """Where an actor may be.

    Attributes:
        node: the machine.
        seen: what it is like.
        share: what of it the actor takes.
    """

    node: Node
    seen: Seen
    share: Share


class Probe(NamedTuple):
    """How machines are looked at; see `harness.engine.link.look`."""

    file: Path
    token: str
    inputs: Mapping[str, Input]


class Nodes:
    """The machines that are alive and fit.

    Attributes:
        places: number -> place, on all of them.
    """

    def __init__(
        self,
        link: Link,
        settings: Cluster,
        runs: Sequence[Run],
        probe: Probe,
        say: Callable[[str], None],
    ) -> None:
        """Look at nothing yet.

        Args:
            link: to the cluster.
            settings: of the launch.
            runs: of the launch, with their threads fixed.
            probe: how machines are looked at.
            say: takes a line on a machine that is left out.
        """
        self.say = say
        self.places: dict[int, Place] = {}
        self._link = link
        self._settings = settings
        self._runs = runs
        self._probe = probe
        self._known: dict[str, Node] = {}
        self._asked: dict[Any, Node] = {}
        self._numbers = 0
        self._looked = float("-inf")
        self._alone_said = False

    def gather(self) -> None:
        """Find the machines that there are, and wait until each has told what it is like."""
        self.look_again(now=True)
        end = time.monotonic() + FIRST_LOOK
        found: list[list[Place]] = []
        while self._asked and time.monotonic() < end:
            found += filter(None, map(self._judge, self._link.wait(list(self._asked), 1.0)))
            end = min(end, time.monotonic() + OTHERS) if found else end
        turns = chain.from_iterable(zip_longest(*found))
        self._add([place for place in turns if place is not None])

    def awaited(self) -> Collection[Any]:
        """Answers of machines that are being looked at."""
        return self._asked

    def take_in(self, answer: Any) -> None:
        """A machine has told what it is like."""
        places = self._judge(answer)
        if places:
            self.say(f"{places[0].node.host}: joined, {len(places)} more at a time")
        self._add(places)

    def look_again(self, *, now: bool = False) -> None:
        """See which machines have come or gone, every few seconds or now."""
        if not now and time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        alive = {node.number: node for node in self._link.nodes()}
        for number in self._known.keys() - alive.keys():
            del self._known[number]
        self.places = {
            number: place for number, place in self.places.items() if place.node.number in alive
        }
        for number, node in alive.items():
            if number not in self._known:
                self._known[number] = node
                if node.cpus or node.gpus:  # a head that is to do no work has neither
                    probe = self._probe
                    answer = self._link.look(node, probe.file, probe.token, probe.inputs)
                    self._asked[answer] = node

    def _judge(self, answer: Any) -> list[Place]:
        """The places on a machine that has told what it is like; none where it does not fit."""
        node = self._asked.pop(answer)
        try:
            seen: Seen = self._link.get(answer)
        except Gone as error:
            self.say(f"{node.host}: left out, {error}")
            return []
        differs = unlike(seen.versions)
        if differs:
            self.say(f"{node.host}: left out, {differs}")
            return []
        count, share = room_of(node, seen, self._settings, self._runs)
        if not count:
            gpus = self._runs[0].launch.gpus
            self.say(f"{node.host}: left out, {node.gpus} GPUs, expected {gpus}")
        return [Place(node, seen, share)] * count

    def _add(self, places: Sequence[Place]) -> None:
        """Number new places, as far as the launch wants more."""
        if self._settings.slots != "auto":
            places = places[: max(0, int(self._settings.slots) - len(self.places))]
        for place in places:
            self.places[self._numbers] = place
            self._numbers += 1


def room_of(node: Node, seen: Seen, settings: Cluster, runs: Sequence[Run]) -> tuple[int, Share]:
    """How many actors a machine takes, and what each takes of it."""
    each = runs[0].launch.gpus
    threads = max(int(run.launch.threads) for run in runs)
    if node.gpus and any(run.launch.device != "cpu" for run in runs):
        if each > 1:
            return node.gpus // each, Share(0, each)
        per_gpu = settings.slots_per_gpu
        if per_gpu == "auto":
            cores = max(1, node.cpus)
            per_gpu = shared_by(runs, node.gpus, seen.gpu_bytes, cores) if seen.gpu_bytes else 1
        return node.gpus * int(per_gpu), Share(0, 1 / int(per_gpu))
    wanted = min(threads * each, node.cpus)
    return (node.cpus // wanted if wanted else 0), Share(wanted, 0)
