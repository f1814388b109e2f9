"""What `harness status` takes on a folder of 100,000 finished runs, the whole command, imports
included: `python -m tests.benchmarks.status [RUNS] [--out FILE]`.

CPU seconds stay nearly the same beside other programs, the clock does not. Runs lie in TMPDIR.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.engine.plan import Launched, PlannedRun, add_to_plan
from harness.records import CONFIG, RESULT
from tests import fakes

TIMES = 5
LAUNCHED = Launched(started="", host="", commit="", dirty=False, launcher="pool")


def write(sweep: Path, count: int) -> None:
    """Write a sweep of so many finished runs, with the files that are looked at."""
    fakes.write_sweep(sweep.parent / "one", masks=("full",), sizes=(100,), prompts=1)
    first = next((sweep.parent / "one").glob(f"*/{RESULT}")).parent
    contents = {name: (first / name).read_bytes() for name in (CONFIG, RESULT)}
    planned = []
    for seed in range(count):
        identity = f"{seed:016x}"
        name = f"full-nano-records-n6-s{seed}-{identity[:8]}"
        (sweep / name).mkdir(parents=True)
        for file, content in contents.items():
            (sweep / name / file).write_bytes(content)
        planned.append(
            PlannedRun(run=name, identity=identity, contents=identity, cost=1e9, threads=1)
        )
    add_to_plan(sweep, planned, LAUNCHED)


def looked(sweep: Path) -> tuple[float, float, str]:
    """CPU seconds and seconds by the clock of the command, and what it says."""
    command = [sys.executable, "-m", "harness", "status", str(sweep)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    clock, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, clock, said


def measured(count: int) -> dict[str, Any]:
    """Figures of so many runs."""
    with tempfile.TemporaryDirectory() as place:
        sweep = Path(place) / "s"
        write(sweep, count)
        looks = [looked(sweep) for _ in range(TIMES)]
    assert all(f"{count} finished" in said for _, _, said in looks), looks[0]
    cpu, clock = [each[0] for each in looks], [each[1] for each in looks]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "runs": count,
        "times": TIMES,
        "cpu_s": round(statistics.median(cpu), 2),
        "least_cpu_s": round(min(cpu), 2),
        "clock_s": round(statistics.median(clock), 2),
        "least_clock_s": round(min(clock), 2),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="`harness status` on many runs.")
    parser.add_argument("runs", type=int, nargs="?", default=100_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measured(given.runs)
    print(json.dumps(found, indent=2))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
