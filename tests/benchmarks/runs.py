"""One command, many runs: where its seconds go.

    python -m tests.benchmarks.runs WORK --runs 100 --device cpu

Masks times seeds of one work, carried out from nothing; the times are those of the records' files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.paths import CONF
from harness.records import CONFIG, RESULT, Result
from harness.records.storage import read_json
from tests.benchmarks.peers.measure import versions
from tests.benchmarks.peers.work import read

ROOT = Path(__file__).parents[2]


def masks() -> list[str]:
    """The names of all masks in `conf/`."""
    return [path.stem for path in sorted((CONF / "mask").glob("*.yaml")) if path.stem[0] != "_"]


def overrides(count: int) -> list[str]:
    """Every mask times enough seeds for at least `count` runs."""
    names = masks()[: max(1, count)]
    seeds = -(-count // len(names))
    return [f"mask={','.join(names)}", f"seed={','.join(map(str, range(seeds)))}"]


def phases(began: float, ended: float, results: Sequence[Path]) -> dict[str, float]:
    """Wall seconds of a command, cut at its first run's begin and its last run's end.

    Args:
        began, ended: of the command, in seconds since 1970.
        results: the runs' `result.json`; a run's `config.yaml` beside it is written as it begins.
    """
    first = min((path.parent / CONFIG).stat().st_mtime for path in results)
    last = max(path.stat().st_mtime for path in results)
    return {
        "start": first - began,
        "runs": last - first,
        "report": ended - last,
        "whole": ended - began,
    }


def main() -> None:
    """Carry the command out and print what it took as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="a folder made by tests.benchmarks.peers.prepare")
    parser.add_argument("--runs", type=int, default=100, help="at least so many")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the harness")
    given = parser.parse_args()
    told = [*overrides(given.runs), *read(given.work).overrides, *given.set]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "harness", "-m", *told, f"device={given.device}"]
        began = time.time()
        done = subprocess.run(
            [*command, f"runs={folder}", "sweep=bench"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        ended = time.time()
        results = list(Path(folder).glob(f"bench/*/{RESULT}"))
        if done.returncode or not results:
            sys.exit(f"{done.stdout}{done.stderr}")
        summed: Counter[str] = Counter()
        for file in results:
            summed.update(read_json(file, Result).seconds)
        content = {
            "command": " ".join(told),
            "runs": len(results),
            "seconds": phases(began, ended, results),
            "phases": dict(summed),
            "versions": versions(),
        }
    print(json.dumps(content))


if __name__ == "__main__":
    main()
