"""What runs on actors of `hydra/launcher=cluster` cost beside their own work.

`python -m tests.benchmarks.cluster [RUNS] [--slots N] [--out FILE]` composes a sweep of toy runs,
carries it out on actors of a Ray cluster of this machine, and then some of its runs one after
another in this process, as an actor does but without a launch.

Beyond a run's work is, by the clock, the time from one result of an actor to its next less the
seconds that the run tells of itself; by CPU time, which is the same beside other programs, what
launch and actor spend on a run less what this process does for the same run alone. An answer is a
round trip between the two. All that the launch started, Ray's own programs too, is the tree; its
CPU seconds, shared among idle cores, are the least that the clock can show.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from rich.console import Console

from harness.commands.run import Composed, asked_of, composed
from harness.config.schema import with_launch
from harness.engine.job import Job
from harness.engine.launchers import carry_out
from harness.engine.ray_link import RayLink
from harness.engine.view import View
from harness.records import LOG, RESULT, Result
from harness.records.storage import read_json
from tests.tiny_sweep import inline, overrides

ALONE = 40
"""Runs without a launch, of which the first few are not counted: caches fill."""
WARM = 3
TICKS = os.sysconf("SC_CLK_TCK")


class End(NamedTuple):
    """A run of which the launch hears that it has finished.

    Attributes:
        actor: its process.
        clock: seconds.
        launch, spent: CPU seconds so far of this process and of the actor.
        work: seconds that the run tells of itself.
    """

    actor: int
    clock: float
    launch: float
    spent: float
    work: float

    @classmethod
    def of(cls, folder: Path) -> End:
        """The run of this folder has just finished."""
        said = re.search(r", process (\d+)", (folder / LOG).read_text("utf-8"))
        assert said
        actor = int(said[1])
        after_name = Path(f"/proc/{actor}/stat").read_text().rpartition(")")[2].split()
        spent = (int(after_name[11]) + int(after_name[12])) / TICKS
        return cls(actor, time.monotonic(), time.process_time(), spent, work_of(folder))


@contextmanager
def answers() -> Iterator[list[Any]]:
    """Collects what the launch is answered, within the block."""
    found: list[Any] = []
    get = RayLink.get

    def noted(link: RayLink, answer: Any) -> Any:
        found.append(answer)
        return get(link, answer)

    with patch.object(RayLink, "get", noted):
        yield found


def tree() -> float:
    """CPU seconds so far of this process and of all that it started and that are alive."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = path.read_text().rpartition(")")[2].split()
            number = int(path.parent.name)
            parents[number] = int(after_name[1])
            spent[number] = (int(after_name[11]) + int(after_name[12])) / TICKS
    found, own = set[int](), {os.getpid()}
    while own:
        found |= own
        own = {number for number, parent in parents.items() if parent in own}
    return sum(spent[number] for number in found)


def work_of(folder: Path) -> float:
    """Seconds that a finished run tells of itself."""
    return sum(read_json(folder / RESULT, Result).seconds.values())


@contextmanager
def ends(count: int, trees: list[float]) -> Iterator[list[End]]:
    """Collects when runs end, within the block, and after the last of so many what the tree has
    spent.
    """
    found: list[End] = []
    told = View.finished

    def finished(view: View, job: Job, scores: str) -> None:
        told(view, job, scores)
        found.append(End.of(job.cell.folder))
        if len(found) == count:
            trees.append(tree())

    with patch.object(View, "finished", finished):
        yield found


def measured(count: int, slots: int) -> dict[str, Any]:
    """Figures of so many runs on so many actors."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        launcher = ["cluster", "address=local", f"slots={slots}"]
        keys = [f"hydra/launcher={launcher[0]}", *(f"hydra.launcher.{key}" for key in launcher[1:])]
        began, spent = time.monotonic(), time.process_time()
        asked = composed(asked_of(["-m", *overrides(folder), f"seed=range({count})", *keys]))
        composing = time.process_time() - spent
        console = Console(file=io.StringIO(), width=120)
        trees = [tree()]
        with ends(count, trees) as found, answers() as heard:
            outcome = carry_out(asked.runs, "cluster", asked.settings, console)
        wall, spent = time.monotonic() - began, time.process_time() - spent
        assert outcome.finished == count, outcome
        alone = cpu_alone(asked)
    turns = [pair for own in by_actor(found) for pair in pairwise(own)]
    beyond = [after.clock - before.clock - after.work for before, after in turns]
    actors = sum(own[-1].spent - own[0].spent for own in by_actor(found)) / len(turns)
    launch = (found[-1].launch - found[0].launch) / (count - 1)
    return {
        "runs": count,
        "slots": slots,
        "beyond_work_s": round(statistics.median(beyond), 4),
        "work_s": round(statistics.median(end.work for end in found), 4),
        "cpu_beyond_alone_s": round(actors + launch - alone, 4),
        "cpu_actor_s": round(actors, 4),
        "cpu_launch_s": round(launch, 4),
        "cpu_alone_s": round(alone, 4),
        "cpu_composing_s": round(composing, 1),
        "cpu_whole_launch_s": round(spent, 1),
        "answers_a_run": round(len(heard) / count, 2),
        "cpu_tree_s": round(trees[1] - trees[0], 1),
        "cpu_tree_beyond_alone_s": round(trees[1] - trees[0] - count * alone, 1),
        "wall_s": round(wall, 1),
        "wall_beyond_work_s": round(wall - sum(end.work for end in found) / slots, 1),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }


def by_actor(found: Sequence[End]) -> list[list[End]]:
    """The ends of each actor's runs, but for the first few."""
    actors = {end.actor for end in found}
    return [[end for end in found if end.actor == actor][WARM - 1 :] for actor in actors]


def cpu_alone(asked: Composed) -> float:
    """CPU seconds of a run in this process, in a warm one."""
    runs = [with_launch(run, sweep="alone") for run in asked.runs[:ALONE]]
    spent: list[float] = []
    told = View.finished

    def finished(view: View, job: Job, scores: str) -> None:
        spent.append(time.process_time())
        told(view, job, scores)

    with patch.object(View, "finished", finished):
        inline(runs)
    return statistics.mean(after - before for before, after in pairwise(spent[WARM - 1 :]))


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="Runs on warm actors, beside their work.")
    parser.add_argument("runs", type=int, nargs="?", default=60)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    found = measured(given.runs, given.slots)
    print(json.dumps(found, indent=2))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
