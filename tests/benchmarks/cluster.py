"""What a run on an actor of `hydra/launcher=cluster` costs beside its own work.

`python -m tests.benchmarks.cluster [RUNS] [--out FILE]` makes a Ray cluster of this machine,
carries out toy runs on one actor, and compares the time from one result to the next with the
seconds that each run tells of itself.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.config.launchers import Cluster
from harness.engine.launchers import carry_out
from harness.records import RESULT, Result
from harness.records.storage import read_json
from tests.tiny_sweep import toy_runs


def measured(count: int) -> dict[str, Any]:
    """Figures of so many runs, one after another on one warm actor."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        runs = toy_runs(folder, count)
        began = time.monotonic()
        settings = Cluster(address="local", slots=1)
        outcome = carry_out(runs, "cluster", settings, Console(file=io.StringIO(), width=120))
        wall = time.monotonic() - began
        assert outcome.finished == count, outcome
        paths = sorted(folder.glob(f"s/*/{RESULT}"), key=lambda path: path.stat().st_mtime_ns)
        ended = [path.stat().st_mtime_ns / 1e9 for path in paths]
        work = [sum(read_json(path, Result).seconds.values()) for path in paths]
    beyond = [
        after - before - own for (before, after), own in zip(pairwise(ended), work[1:], strict=True)
    ]
    return {
        "runs": count,
        "beyond_work_median_s": round(statistics.median(beyond), 4),
        "beyond_work_max_s": round(max(beyond), 4),
        "work_median_s": round(statistics.median(work), 4),
        "launch_s": round(wall, 1),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="A warm run on an actor, beside its work.")
    parser.add_argument("runs", type=int, nargs="?", default=30)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    found = measured(given.runs)
    print(json.dumps(found, indent=2))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
