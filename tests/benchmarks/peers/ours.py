"""The work by the harness's own command: `python -m tests.benchmarks.peers.ours WORK`.

What it reports is what the command wrote down about itself; `start` is all else that the command
took: imports, planning, a worker's start, the table and the report.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.records import RESULT, Result
from harness.records.storage import read_json
from tests.benchmarks.peers.measure import Seconds, arguments, opened, report
from tests.benchmarks.peers.work import Work

ROOT = Path(__file__).parents[3]

QUIET = ("mask=full", "score.every=0", "score.train_examples=1", "score.examples=1")
"""The loss on responses, and as little measured beside the work as can be."""


def command(work: Work, given: argparse.Namespace, folder: str) -> list[str]:
    """The command line that carries out the work."""
    return [
        sys.executable, "-m", "harness", *QUIET, *work.overrides, *given.set,
        f"train.batch_tokens={given.batch_tokens or work.recipe.batch_tokens}",
        f"train.micro_tokens={given.micro_tokens}", f"train.epochs={work.epochs}",
        f"train.precision={given.precision}", f"device={given.device}",
        f"threads={given.threads}", f"runs={folder}", "sweep=bench",
    ]  # fmt: skip


def carried_out(work: Work, given: argparse.Namespace) -> tuple[Result, float]:
    """What the command recorded, and the wall seconds it took.

    Raises:
        SystemExit: it failed; what it said goes before.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            command(work, given, folder),
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        took = time.perf_counter() - began
        found = list(Path(folder).glob(f"bench/*/{RESULT}"))
        if done.returncode or len(found) != 1:
            sys.exit(f"{done.stdout}{done.stderr}")
        return read_json(found[0], Result), took


def main() -> None:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--batch-tokens", type=int, default=0, help="tokens a step; 0: the work's")
    parser.add_argument("--micro-tokens", type=int, default=4096, help="tokens at once, at most")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the harness")
    given = parser.parse_args()
    work = opened(given)
    result, took = carried_out(work, given)
    phases = result.seconds
    seconds = Seconds(
        setup=phases["prepare"],
        train=phases["train"],
        evaluate=phases["evaluate"],
        answers=phases["generate"],
        start=took - sum(phases.values()),
    )
    tokens = {
        "train": result.tokens["train"],
        "padding": result.counts["padding"],
        "answers": result.tokens["generate"],
    }
    report(given, seconds, tokens, result.steps, result.nll["test"]["answer"])


if __name__ == "__main__":
    main()
