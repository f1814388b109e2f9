"""Sweeps of toy runs that take a fraction of a second each, and faults in them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console

from harness.config.launchers import Pool
from harness.config.schema import Run
from harness.engine.attempt import Message, attempt
from harness.engine.job import Job, record_failure
from harness.engine.launchers import LAUNCHERS, Launcher, Outcome, carry_out
from harness.engine.view import View
from harness.records import AUDIT, EVALS, LOG, RESPONSES, RESULT, STEPS
from harness.run.warm import Warm
from tests.tiny import run_of, write_records

ROOT = Path(__file__).parent.parent


def overrides(folder: Path) -> list[str]:
    """Command-line arguments of a toy run on a few records in `folder`."""
    path = folder / "records.jsonl"
    if not path.exists():
        write_records(path, 30)
    return [
        "model=nano", "model.weights=random", "model.layers=1", "model.width=32", "model.heads=2",
        "model.context=64", "data=file", f"data.path={path}", "data.size=6", "data.validation=2",
        "data.test=4", "data.template=plain", "train.epochs=1", "train.batch_tokens=128",
        "score.responses=2", "score.response_tokens=4", f"runs={folder}", "sweep=s", "device=cpu",
        "threads=1", "report=false",
    ]  # fmt: skip


def toy_runs(folder: Path, seeds: int) -> list[Run]:
    first = run_of(*overrides(folder))
    return [replace(first, seed=seed) for seed in range(seeds)]


def environment(faults: dict[int, str]) -> dict[str, str]:
    """Variables under which workers suffer the faults, seed -> kind."""
    return {
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "tests" / "faults"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        ).rstrip(os.pathsep),
        "HARNESS_FAULTS": json.dumps(faults),
        "CUDA_VISIBLE_DEVICES": "",
    }


def sweep(runs: list[Run], **settings: Any) -> tuple[Outcome, str]:
    """Launch in this process; how it ended and what it said."""
    console = Console(record=True, width=300, file=io.StringIO())
    outcome = carry_out(runs, "pool", Pool(**settings), console)
    return outcome, console.export_text()


@dataclass
class Inline:
    """Settings of a launcher that a plugin adds: it carries runs out in this very process."""

    retries: int = 0
    cores: ClassVar[None] = None

    def check(self) -> None:
        """Nothing can be wrong."""


def carry_out_inline(jobs: Sequence[Job], settings: Inline, console: Console) -> Outcome:
    """A launcher in its simplest form."""
    view = View(console, jobs)
    finished, warm = 0, Warm()
    for job in jobs:
        messages: list[Message] = []
        attempt([job.next_try()], messages.append, warm)
        ended = messages[-1]
        if ended.kind == "finished":
            finished += 1
            view.finished(job, ended.text)
        else:
            record_failure(job, ended.text, ended.trace, outside=ended.outside)
            view.failed(job, ended.text)
    view.stop()
    return Outcome(finished, 0, len(jobs) - finished)


LAUNCHERS.add("inline", Launcher(Inline, carry_out_inline))


def inline(runs: list[Run]) -> tuple[Outcome, str]:
    """As `sweep`, without the seconds that a worker takes to start."""
    threads = torch.get_num_threads()
    console = Console(record=True, width=300, file=io.StringIO())
    try:
        outcome = carry_out(runs, "inline", Inline(), console)
    finally:
        torch.set_num_threads(threads)
    return outcome, console.export_text()


def start(
    folder: Path, *arguments: str, faults: dict[int, str] | None = None, group: bool = False
) -> subprocess.Popen[str]:
    """Launch the command line, but for the report at its end, in a process of its own, or in a
    process group, as a terminal does.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "-m", *overrides(folder), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={**os.environ, **environment(faults or {})},
        start_new_session=group,
    )  # fmt: skip


def command_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command line for runs, but for the report at its end, carried out in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        capture_output=True, text=True, cwd=folder,
        env={**os.environ, **environment({}), "COLUMNS": "200"},
    )  # fmt: skip


def figures(folder: Path) -> dict[str, Any]:
    """All that a finished run leaves behind, but for times and where it was made."""
    result = json.loads((folder / RESULT).read_text())
    steps = [json.loads(line) for line in (folder / STEPS).read_text().splitlines()]
    return {
        "result": {
            key: value for key, value in result.items() if key not in ("seconds", "provenance")
        },
        "steps": [
            {key: value for key, value in step.items() if key != "seconds"} for step in steps
        ],
        **{name: (folder / name).read_bytes() for name in (AUDIT, EVALS, RESPONSES)},
    }


def tries(folder: Path) -> dict[str, int]:
    """How often each run of a sweep's folder was begun."""
    return {path.parent.name: path.read_text().count("== try") for path in folder.glob(f"*/{LOG}")}
