"""How far a sweep is, from its folder's files alone. No torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import timedelta
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.text import Text

from harness.engine.locks import is_under_way, owner_note
from harness.engine.plan import Outline, code, read_outline
from harness.records import CONFIG, FAILURE, RESULT, Failure, Result
from harness.records.counted import counted
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
    """A run under way: its folder's name, its label, and what its worker left word of (pid, host,
    phase, share, …).
    """

    run: str
    label: str
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

    plan: Outline
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
    plan = read_outline(sweep)
    if plan is None:
        raise RecordError(f"{sweep}: no sweep was launched here, expected a folder runs/<sweep>")
    begun = set(os.listdir(sweep))  # noqa: PTH208  # there may be many
    finished = _written(sweep, [each.run for each in plan.runs if each.run in begun], RESULT)
    failed, running, waiting = [], [], []
    left = 0.0  # cost of what remains
    for planned in plan.runs:
        run = planned.run
        if run in finished:
            continue
        note = owner_note(sweep / run) if run in begun else None
        if note is not None:
            running.append(Running(run, planned.label, note))
            left += planned.cost * (1 - _share(note))
        elif run in begun and (sweep / run / FAILURE).exists():
            failed.append(run)
        else:
            waiting.append(run)
            left += planned.cost
    timed = list(islice((each for each in plan.runs if each.run in finished), TIMED))
    began = _written(sweep, [each.run for each in timed], CONFIG)
    spent = worked = 0.0  # seconds and cost of finished runs
    for each in timed:
        if each.run in began and finished[each.run] > began[each.run]:
            spent += finished[each.run] - began[each.run]
            worked += each.cost
    eta = left * spent / worked / len(running) if worked and running else None
    times = nlargest(100, finished.values())
    minutes = (times[0] - times[-1]) / 60 if len(times) > 1 else 0.0
    rate = (len(times) - 1) / minutes if minutes else None
    return Status(plan, finished, failed, running, waiting, eta, rate)


def _written(sweep: Path, runs: Iterable[str], name: str) -> dict[str, float]:
    """When the files of this name were written of those runs that have them."""
    found = {}
    place = os.open(sweep, os.O_RDONLY)  # from there a file is found faster
    try:
        for run in runs:
            try:  # noqa: SIM105  # `suppress` takes longer
                found[run] = os.stat(f"{run}/{name}", dir_fd=place).st_mtime
            except OSError:
                pass
    finally:
        os.close(place)
    return found


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
    line = f"{sweep}: {counted(len(status.plan.runs), 'run')}: " + ", ".join(
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
    if status.running:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("running", "phase", "done", "try", "where"):
            table.add_column(name, overflow="fold")
        for run, label, note in status.running[:MOST_RUNNING]:
            process = f"{note.get('host', '?')}, process {note.get('pid', '?')}"
            share = f"{100 * _share(note):.0f} %"
            name = f"{run} ({label})" if label else run
            cells = (name, note.get("phase", "?"), share, note.get("attempt", "?"), process)
            table.add_row(*(Text(visible(str(cell))) for cell in cells))
        parts.append(table)
        if len(status.running) > MOST_RUNNING:
            parts.append(Text(f"and {len(status.running) - MOST_RUNNING} more running"))
    last = nlargest(SHOWN, status.finished, key=status.finished.__getitem__)
    parts += [Text(visible(f"finished {run}: {_outcome(sweep / run)}")) for run in reversed(last)]
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
    from rich.live import Live

    if read_outline(sweep) is None:
        console.print(f"{sweep}: waiting for a sweep to be launched here", soft_wrap=True)
    while read_outline(sweep) is None:
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
