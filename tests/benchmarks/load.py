"""Time to load a sweep of 10,000 runs, without and with the cache: `python -m
tests.benchmarks.load`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from analysis.load import read
from harness import records
from tests import fakes


def write(folder: Path, count: int) -> None:
    """Write `count` runs that differ in seed and identity."""
    fakes.write_sweep(folder, masks=("full",), sizes=(100,), prompts=1, responses=False)
    first = next(folder.iterdir())
    result = json.loads((first / records.RESULT).read_text("utf-8"))
    config = (first / records.CONFIG).read_text("utf-8")
    for number in range(1, count):
        run = folder / f"run{number:05}"
        run.mkdir()
        (run / records.CONFIG).write_text(
            config.replace("\nseed: 0\n", f"\nseed: {number}\n"), "utf-8"
        )
        content = result | {"seed": number, "identity": f"{number:016x}"}
        (run / records.RESULT).write_text(json.dumps(content), "utf-8")
        shutil.copy(first / records.EVALS, run / records.EVALS)


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sweep"
        write(folder, count)
        for state in ("without the cache", "with it"):
            began = time.perf_counter()
            found = len(read([folder]).runs)
            print(f"{found:,} runs, {state}: {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
