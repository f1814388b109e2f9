"""What the driver of `hydra/launcher=cluster` bears: 64 nodes of 8 GPUs, 100,000 runs,
and workers that take as long as told and leave the records of a real run.

`python -m tests.benchmarks.cluster_scale [RUNS] [SECONDS] [--shared] [--out FILE]` plans, claims,
hands out and records them through the very code of a launch; only the link to the cluster is a
fake. SECONDS are those of a run, 0 for as fast as the driver can. With `--shared` all see one disk,
and workers write in place. Times are CPU seconds of the driver, without what a worker writes; but
`status_s` is the clock of `harness status`, the whole command. Runs lie below the working folder.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import io
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from harness.config.launchers import Cluster
from harness.config.schema import with_launch
from harness.engine.actor import HEARTBEAT, Files, Heard, Task
from harness.engine.attempt import Message
from harness.engine.cells import cells_of
from harness.engine.launchers import carry_out
from harness.engine.link import Node, Seen, Share, versions
from harness.records import LOG, RESULT
from harness.run.identity import Cell
from harness.run.inputs import Input
from tests.tiny_sweep import inline, toy_runs

NODES, GPUS = 64, 8


class Answer:
    """What an actor will say, and when."""

    def __init__(self, due: float, content: Any) -> None:
        self.due = due
        self.content = content


class Fake:
    """A cluster whose actors take `seconds` a run and leave the files of one that was real.

    Attributes:
        waited: seconds that the driver had nothing to do.
        wrote: CPU seconds that workers took to write.
    """

    def __init__(self, seconds: float, files: Files, log: bytes, *, shared: bool) -> None:
        self.waited = self.wrote = 0.0
        self._shared = shared
        self._seconds = seconds
        self._files = files
        self._log = log
        self._work: dict[int, tuple[float, list[str]]] = {}
        self._due: list[tuple[float, int, Answer]] = []
        self._numbers = itertools.count()

    def nodes(self) -> list[Node]:
        return [Node(str(number), f"node-{number}", 64, GPUS) for number in range(NODES)]

    def look(self, node: Node, probe: Path, token: str, inputs: Mapping[str, Input]) -> Answer:
        return self._answer(0.0, Seen(self._shared, frozenset(), 80 * 2**30, versions()))

    def start(self, node: Node, share: Share) -> int:
        return next(self._numbers)

    def call(self, actor: int, method: str, *arguments: Any) -> Answer:
        now = time.monotonic()
        if method == "begin":
            return self._answer(0.0, actor)
        if method == "give":
            tasks: Sequence[Task] = arguments[0]
            if self._shared:
                self._write(tasks)
            self._work[actor] = (now + self._seconds, [task.what.name for task in tasks])
        end, runs = self._work[actor]
        if end - now > HEARTBEAT:
            told = Message("progress", runs[0], "train", 0.5)
            return self._answer(HEARTBEAT, Heard([told], process=actor))
        done = [Message("finished", run, "held-out response NLL 1.234") for run in runs]
        heard = Heard([*done, Message("idle")], process=actor)
        if not self._shared:
            heard.logs = dict.fromkeys(runs, self._log)
            heard.files = dict.fromkeys(runs, self._files)
        return self._answer(max(0.0, end - now), heard)

    def wait(self, answers: Sequence[Answer], seconds: float) -> Sequence[Answer]:
        now = time.monotonic()
        if self._due and self._due[0][0] > now:
            pause = min(seconds, self._due[0][0] - now)
            time.sleep(pause)
            self.waited += pause
        ready = []
        while self._due and self._due[0][0] <= time.monotonic():
            ready.append(heapq.heappop(self._due)[2])
        return ready

    def get(self, answer: Answer) -> Any:
        return answer.content

    def put(self, content: bytes) -> bytes:
        return content

    def fetch(self, reference: bytes) -> bytes:
        return reference  # what `put` gave

    def kill(self, actor: int) -> None:
        """It is nothing but a number."""

    def _write(self, tasks: Sequence[Task]) -> None:
        """What tells others that the runs are done."""
        began = time.process_time()
        for task in tasks:
            folder = task.what.cell.folder
            folder.mkdir()
            (folder / RESULT).write_bytes(self._files[RESULT])
        self.wrote += time.process_time() - began

    def _answer(self, seconds: float, content: Any) -> Answer:
        answer = Answer(time.monotonic() + seconds, content)
        heapq.heappush(self._due, (answer.due, next(self._numbers), answer))
        return answer


def cells(folder: Path, count: int) -> list[Cell]:
    """So many cells, each like the toy run but for its seed, without their data being checked."""
    (run,) = toy_runs(folder, 1)
    (first,) = cells_of([run])
    found = []
    for seed in range(count):
        identity = hashlib.sha256(str(seed).encode()).hexdigest()[:16]
        name = f"full-nano-records-n6-s{seed}-{identity[:8]}"
        own = with_launch(replace(run, seed=seed), device="auto", stack=1)
        found.append(first._replace(run=own, identity=identity, folder=folder / "s" / name))
    return found


def measured(count: int, seconds: float, *, shared: bool) -> dict[str, Any]:
    """Figures of a launch of so many runs."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder = Path(place)
        inline([with_launch(run, sweep="real") for run in toy_runs(folder, 1)])
        (real,) = (path.parent for path in folder.glob(f"real/*/{RESULT}"))
        files = {path.name: path.read_bytes() for path in real.iterdir() if path.name[0] != "."}
        log = files.pop(LOG)
        planned = cells(folder, count)
        link = Fake(seconds, files, log, shared=shared)
        before = memory()
        marks: dict[str, float] = {"begin": time.process_time()}

        def connected(*_: object) -> nullcontext[Fake]:
            marks["planned"] = time.process_time()
            return nullcontext(link)

        began = time.monotonic()
        runs = [cell.run for cell in planned]
        with (
            patch("harness.engine.sweep.cells_of", lambda _: planned),
            patch("harness.engine.cluster.connected", connected),
        ):
            console = Console(file=io.StringIO(), width=120)
            settings = Cluster(slots_per_gpu=1, timeout=0)
            outcome = carry_out(runs, "cluster", settings, console)
        wall, marks["end"] = time.monotonic() - began, time.process_time()
        assert outcome.finished == count, outcome
        command = [sys.executable, "-m", "harness", "status", str(folder / "s")]
        looked, asked = time.monotonic(), others()
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        status_s, status_cpu_s = time.monotonic() - looked, others() - asked
        assert f"{count} finished" in said, said
        spent = marks["end"] - marks["planned"] - link.wrote
        return {
            "runs": count,
            "workers": NODES * GPUS,
            "seconds_a_run": seconds,
            "shared_disk": shared,
            "plan_s": round(marks["planned"] - marks["begin"], 2),
            "hand_out_and_record_s": round(spent, 2),
            "runs_a_second": round(count / spent, 1),
            "idle_share": round(link.waited / wall, 2),
            "wall_s": round(wall, 1),
            "status_s": round(status_s, 2),
            "status_cpu_s": round(status_cpu_s, 2),
            "load": round(os.getloadavg()[0], 1),
            "memory_before_mb": before,
            "memory_mb": memory(),
            "bytes_a_run": sum(map(len, files.values())) + len(log),
        }


def others() -> float:
    """CPU seconds of the processes that this one started and that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def memory() -> int:
    """MB that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="The driver's share of a large sweep.")
    parser.add_argument("runs", type=int, nargs="?", default=100_000)
    parser.add_argument("seconds", type=float, nargs="?", default=0.0)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    found = measured(given.runs, given.seconds, shared=given.shared)
    print(json.dumps(found, indent=2))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
