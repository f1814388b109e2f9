"""What the sweep engine costs beside the runs' own work: `python tests/benchmarks/engine.py`, about
a minute.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from hydra.types import RunMode

from harness.config.compose import compose, loader_of, opened, parse_all
from harness.config.schema import Run
from harness.engine.cells import cells_of
from harness.records import RESULT, Result
from harness.records.storage import read_json
from tests.tiny import run_of
from tests.tiny_sweep import sweep


def composing(runs: int) -> list[Run]:
    """Time from overrides to checked runs and named cells."""
    masks = ("none", "full", "partial", "template")
    jobs = [
        [f"mask={mask}", "model=nano", "data.size=100", f"seed={seed}"]
        for mask in masks
        for seed in range(runs // 4)
    ]
    hydra = opened()
    master = hydra.compose_config("config", [], run_mode=RunMode.MULTIRUN)
    began = time.perf_counter()
    found = parse_all(compose(loader_of(hydra), master, jobs))
    composed = time.perf_counter()
    cells_of(found)
    print(
        f"{runs} runs: composed in {composed - began:.1f} s, "
        f"checked against their data and named in {time.perf_counter() - composed:.1f} s"
    )
    return found


def overhead(runs: int) -> None:
    """Time of a run in a warm worker, from its predecessor's result to its own, beyond its
    phases.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Different seeds, else a worker's memory of the examples would make it look better than it
        # is.
        found = [
            run_of("model=nano", "data.size=100", "train.epochs=1", "data.test=40",
                   "score.responses=4", f"runs={folder}", "sweep=s", "device=cpu", "threads=1",
                   f"seed={seed}")
            for seed in range(runs)
        ]  # fmt: skip
        sweep(found, slots=1)
        paths = sorted(Path(folder).glob(f"s/*/{RESULT}"), key=lambda path: path.stat().st_mtime_ns)
        walls = [
            later.stat().st_mtime - earlier.stat().st_mtime for earlier, later in pairwise(paths)
        ]
        results = [read_json(path, Result) for path in paths[1:]]
    work = [
        sum(seconds for phase, seconds in result.seconds.items() if phase != "prepare")
        for result in results
    ]
    beyond = [wall - own for wall, own in zip(walls, work, strict=True)]
    print(
        f"{runs} runs in one worker: {statistics.median(walls):.2f} s a run, "
        "of which beyond training, evaluation and generation "
        f"{statistics.median(beyond):.3f} s (median), {max(beyond):.3f} s (most)"
    )


if __name__ == "__main__":
    composing(1000)
    overhead(8)
