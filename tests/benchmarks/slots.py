"""One sweep with several numbers of slots, timed: `python tests/benchmarks/slots.py --slots 1,2
--per-gpu 1,2,4`.

On a machine with two GPUs, `--slots 1,2` shows what the second is worth; `--per-gpu 1,2,4` shares
the first GPU among so many workers. `--device cpu --slots 1,2 --size 30 --runs 4` is a quick look
without a GPU. Further arguments are the sweep's own, such as model=micro train.precision=bf16.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from harness.records import CONFIG, RESULT, Result  # noqa: E402  # found by the line above
from harness.records.storage import read_json  # noqa: E402  # as well

MASKS = ("full", "none")


@dataclass(kw_only=True)
class Timing:
    """What one sweep took.

    Attributes:
        launcher: its settings.
        command: wall seconds of the whole command, from its start to its end, imports and report
            included.
        runs: wall seconds from the first run's start to the last one's end.
        run: median over the runs of the seconds of all phases of one.
        phases: the same for each phase alone.
    """

    launcher: str
    command: float
    runs: float
    run: float
    phases: dict[str, float]


def timed(launcher: str, device: str, runs: int, arguments: list[str], folder: Path) -> Timing:
    """Carry out one sweep of `runs` runs from nothing.

    Raises:
        SystemExit: it failed; what it said goes before.
    """
    name = launcher.replace("=", "").replace(" ", "_").replace("hydra.launcher.", "") or "warm-up"
    command = [
        sys.executable, "-m", "harness", "-m", *launcher.split(), "hydra.launcher.retries=0",
        f"device={device}", f"mask={','.join(MASKS)}", f"seed=range({runs // len(MASKS)})",
        f"runs={folder}", f"sweep={name}", *arguments,
    ]  # fmt: skip
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    took = time.perf_counter() - began
    paths = list((folder / name).glob(f"*/{RESULT}"))
    if done.returncode or len(paths) != runs:
        sys.exit(
            f"{done.stdout}{done.stderr}\n{' '.join(command)}: {len(paths)} of {runs} runs finished"
        )
    seconds = [read_json(path, Result).seconds for path in paths]
    first = min((path.parent / CONFIG).stat().st_mtime for path in paths)  # written as a run begins
    return Timing(
        launcher=launcher,
        command=took,
        runs=max(path.stat().st_mtime for path in paths) - first,
        run=statistics.median(sum(found.values()) for found in seconds),
        phases={name: statistics.median(found[name] for found in seconds) for name in seconds[0]},
    )


def table(timings: list[Timing], runs: int) -> Table:
    """The timings, each beside the first of its kind."""
    shown = Table(title=f"one sweep of {runs} runs, seconds", box=None)
    for name in (
        "launcher",
        "command",
        "of the first",
        "its runs",
        "of the first",
        "a run",
        "its training",
    ):
        shown.add_column(name, justify="left" if name == "launcher" else "right")
    firsts: dict[str, Timing] = {}
    for found in timings:
        first = firsts.setdefault(found.launcher.rpartition("=")[0], found)
        shown.add_row(
            found.launcher.replace("hydra.launcher.", ""), f"{found.command:.1f}",
            f"{found.command / first.command:.2f}", f"{found.runs:.1f}",
            f"{found.runs / first.runs:.2f}", f"{found.run:.2f}", f"{found.phases['train']:.2f}",
        )  # fmt: skip
    return shown


def numbers(text: str) -> list[int]:
    """Of "1,2,4"."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Time the sweeps, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=numbers, default=[], help="workers, spread over all GPUs")
    parser.add_argument(
        "--per-gpu", type=numbers, default=[], help="workers on the first GPU alone"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=16, help=f"a multiple of {len(MASKS)}")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--size", type=int, default=1000, help="training examples of a run")
    parser.add_argument("--out", type=Path, default=Path("slots.json"))
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE of the sweep")
    given = parser.parse_intermixed_args()
    if not (given.slots or given.per_gpu) or given.runs < 2 or given.runs % len(MASKS):
        parser.error(f"expected --slots or --per-gpu, and --runs a multiple of {len(MASKS)}")
    arguments = [f"model={given.model}", f"data.size={given.size}", *given.overrides]
    variants = [(f"hydra.launcher.slots={count}", given.device) for count in given.slots]
    variants += [(f"hydra.launcher.slots_per_gpu={count}", "cuda:0") for count in given.per_gpu]
    with tempfile.TemporaryDirectory() as place:
        timed(
            "", given.device, len(MASKS), arguments, Path(place)
        )  # files into the kernel's cache; not counted
        timings = []
        for launcher, device in variants:
            timings.append(timed(launcher, device, given.runs, arguments, Path(place)))
            print(f"{launcher}: {timings[-1].command:.1f} s", flush=True)
            write(given.out, timings, given.runs, arguments)
    Console(width=120).print(table(timings, given.runs))


def write(path: Path, timings: list[Timing], runs: int, arguments: list[str]) -> None:
    """What was found so far, and on what machine."""
    content = {
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "runs": runs,
        "arguments": arguments,
        "timings": [asdict(timing) for timing in timings],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
