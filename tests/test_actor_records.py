"""What actors leave is written while the launch goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

from harness.engine.actor import Heard
from harness.engine.actors import WRITERS, Actors, ActorWorker
from harness.engine.attempt import Message
from harness.engine.claims import Claim
from harness.engine.link import Link, Node
from harness.engine.nodes import Nodes

NODE = Node("a", "host-a", 1, 0)


class Answered:
    """A cluster whose answers are all there."""

    def wait(self, answers: Sequence[Any], seconds: float) -> Sequence[Any]:
        return answers

    def get(self, answer: str) -> Heard:
        return Heard([Message("finished", answer, "1.0"), Message("idle")])

    def kill(self, actor: str) -> None:
        """Nothing."""


class Written:
    """A run's claim, whose records take as long as a function does."""

    def __init__(self, write: Any) -> None:
        self.write = write
        self.ended = self.free = False

    def end(self, files: dict[str, bytes]) -> None:
        self.write()
        self.ended = True

    def release(self) -> None:
        assert self.ended
        self.free = True


def at_work(claims: dict[str, Written]) -> tuple[Actors, list[ActorWorker]]:
    """An actor for each run, whose end is answered."""
    link = cast("Link", Answered())
    nodes = SimpleNamespace(awaited=dict, look_again=lambda **_: None)
    workers = [
        ActorWorker(
            link=link, node=NODE, apart=True, actor=run, answer=run,
            claims={run: cast("Claim", claim)},
        )
        for run, claim in claims.items()
    ]  # fmt: skip
    writers = ThreadPoolExecutor(WRITERS)
    return Actors(link, cast("Nodes", nodes), cast("Any", None), writers), workers


def heard(actors: Actors, workers: list[ActorWorker], count: int) -> list[str]:
    """So many messages."""
    said: list[str] = []
    end = time.monotonic() + 30
    while len(said) < count:
        assert time.monotonic() < end
        for _, message in actors.listen(workers, 0.25):
            assert message
            said.append(f"{message.kind} {message.run}".strip())
    return said


def test_records_of_several_actors_are_written_at_a_time() -> None:
    both = threading.Barrier(2, timeout=20)  # broken, were one written after the other
    claims = {run: Written(both.wait) for run in ("r0", "r1")}
    said = heard(*at_work(claims), count=4)
    assert sorted(said) == ["finished r0", "finished r1", "idle", "idle"]
    assert all(claim.free for claim in claims.values())


def test_an_actor_is_idle_once_its_records_are_written_and_they_outlast_it() -> None:
    go = threading.Event()
    slow = Written(go.wait)
    actors, (worker,) = at_work({"r0": slow})
    assert list(actors.listen([worker], 0.01)) == [] and not slow.ended
    threading.Timer(0.1, go.set).start()
    worker.end()  # killed meanwhile: what is being written is written whole
    assert slow.ended and slow.free
    assert list(actors.listen([], 0.01)) == []  # nobody wants to hear of it any more
