"""How far a sweep is, from its folder's files alone. No torch."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.engine.locks import is_under_way, owner_note
from harness.engine.plan import Plan, code, read_plan
from harness.records import CONFIG, FAILURE, RESULT, Failure, Result
from harness.records.storage import RecordError, read_json
from harness.records.visible import visible

SHOWN = 5
"""Finished runs whose scores are shown, the last ones."""

MOST_RUNNING = 20
"""Running runs that are shown."""

TIMED = 1_000
"""Finished runs from whose times the time left is told."""

WATCH_EVERY = 2.0
"""Seconds between two looks."""


class Running(NamedTuple):
    """A run under way: its folder's name, cost, and what its worker left word of (pid, host, phase,
    share, …).
    """

    run: str
    cost: float
    note: dict[str, Any]


class Status(NamedTuple):
    """The state of a sweep's runs.

    Attributes:
        plan: what there is to do.
        finished: folder's name -> when its result was written, seconds since the epoch.
        failed: those recorded as failed.
        running: those that a living process works on.
        waiting: the others.
        eta: seconds until the last run has ended, at the rate so far; None where none can be told.
        rate: runs finished a minute, over the last launch; None before two have.
    """

    plan: Plan
    finished: dict[str, float]
    failed: list[str]
    running: list[Running]
    waiting: list[str]
    eta: float | None
    rate: float | None


def status_of(sweep: Path) -> Status:
    """Read the state of a sweep's folder.

    Raises:
        RecordError: it holds no plan, or a damaged one.
    """
    plan = read_plan(sweep)
    if plan is None:
        raise RecordError(f"{sweep}: no sweep was launched here, expected a folder runs/<sweep>")
    finished: dict[str, float] = {}
    failed, running, waiting = [], [], []
    spent = worked = left = 0.0  # seconds and cost of finished runs; cost of what remains
    begun = _begun(sweep)
    for planned in plan.runs:
        folder = f"{sweep}/{planned.run}"  # a Path takes longer to make than its file to be found
        ended = _written(f"{folder}/{RESULT}") if planned.run in begun else None
        note = None
        if ended is None and planned.run in begun:
            note = owner_note(Path(folder))
        if note is not None:
            running.append(Running(planned.run, planned.cost, note))
            left += planned.cost * (1 - _share(note))
        elif ended is not None:
            finished[planned.run] = ended
            began = _written(f"{folder}/{CONFIG}") if len(finished) <= TIMED else None
            if began is not None and ended > began:
                spent += ended - began
                worked += planned.cost
        elif planned.run in begun and _written(f"{folder}/{FAILURE}") is not None:
            failed.append(planned.run)
        else:
            waiting.append(planned.run)
            left += planned.cost
    eta = left * spent / worked / len(running) if worked and running else None
    times = sorted(finished.values())[-100:]
    minutes = (times[-1] - times[0]) / 60 if len(times) > 1 else 0.0
    return Status(
        plan,
        finished,
        failed,
        running,
        waiting,
        eta,
        (len(times) - 1) / minutes if minutes else None,
    )


def _begun(sweep: Path) -> set[str]:
    """The names of the folders that there are."""
    with os.scandir(sweep) as entries:
        return {entry.name for entry in entries}


def _written(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116  # many, many times
    except OSError:
        return None


def _share(note: dict[str, Any]) -> float:
    share = note.get("share")
    return float(share) if isinstance(share, int | float) else 0.0


def render(sweep: Path, status: Status) -> RenderableType:
    """A sweep's state as a line, a table of the runs under way, and what ended last."""
    counts = {
        "finished": len(status.finished),
        "running": len(status.running),
        "failed": len(status.failed),
        "waiting": len(status.waiting),
    }
    line = f"{sweep}: {len(status.plan.runs)} runs: " + ", ".join(
        f"{count} {name}" for name, count in counts.items()
    )
    if status.rate is not None:
        line += f"; {status.rate:.1f} a minute"
    if status.eta is not None:
        line += f"; about {timedelta(seconds=round(status.eta))} left"
    parts: list[RenderableType] = [Text(line)]
    commits = {code(launched) for launched in status.plan.launches}
    if len(commits) > 1:
        parts.append(
            Text(f"launched with {len(commits)} states of the code: {', '.join(sorted(commits))}")
        )
    labels = {run.run: run.label for run in status.plan.runs}
    if status.running:
        table = Table(box=None, pad_edge=False)
        for name in ("running", "phase", "done", "try", "where"):
            table.add_column(name, overflow="fold")
        for run, _, note in status.running[:MOST_RUNNING]:
            process = f"{note.get('host', '?')}, process {note.get('pid', '?')}"
            share = f"{100 * _share(note):.0f} %"
            name = f"{run} ({labels[run]})" if labels.get(run) else run
            cells = (name, note.get("phase", "?"), share, note.get("attempt", "?"), process)
            table.add_row(*(Text(visible(str(cell))) for cell in cells))
        parts.append(table)
        if len(status.running) > MOST_RUNNING:
            parts.append(Text(f"and {len(status.running) - MOST_RUNNING} more running"))
    last = sorted(status.finished, key=lambda run: status.finished[run])[-SHOWN:]
    parts += [Text(visible(f"finished {run}: {_outcome(sweep / run)}")) for run in last]
    parts += [Text(visible(f"failed {run}: {_reason(sweep / run)}")) for run in status.failed]
    return Group(*parts)


def _outcome(folder: Path) -> str:
    try:
        return read_json(folder / RESULT, Result).headline()
    except RecordError as error:
        return str(error)


def _reason(folder: Path) -> str:
    try:
        failure = read_json(folder / FAILURE, Failure)
    except RecordError as error:
        return str(error)
    return f"{failure.error}, tried {failure.attempts} ×"


def watch(sweep: Path, console: Console) -> None:
    """Show a sweep's state anew until no launch of it is under way; wait for one if there is none.

    Raises:
        RecordError: its plan is damaged.
    """
    if read_plan(sweep) is None:
        console.print(f"{sweep}: waiting for a sweep to be launched here", soft_wrap=True)
    while read_plan(sweep) is None:
        time.sleep(WATCH_EVERY)
    status = status_of(sweep)
    with Live(render(sweep, status), console=console) as live:
        while status.running or is_under_way(sweep) or _in_slurm(status):
            time.sleep(WATCH_EVERY)
            status = status_of(sweep)
            live.update(render(sweep, status))


def _in_slurm(status: Status) -> bool:
    """Whether runs wait that the last launch left to Slurm."""
    return bool(status.waiting and status.plan.launches and status.plan.launches[-1].jobs)
