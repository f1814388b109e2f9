"""From checked configs to runs carried out: which runs there are, which are to be done, and what
every launch of them has in common.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from harness.config.schema import Run, with_launch
from harness.config.validate import ConfigError
from harness.data.checks import unheard
from harness.data.sources import load
from harness.engine.cells import cells_of, missing_devices
from harness.engine.early import place
from harness.engine.job import Job
from harness.engine.launchers import LAUNCHERS, Outcome, Settings
from harness.engine.locks import lock, under_way
from harness.engine.names import swept_keys, untold
from harness.engine.outcomes import outcome_of
from harness.engine.plan import PlannedRun, add_to_plan, describe
from harness.engine.slots import cpus, gpus, teams, threads_of
from harness.records import ADAPTER, CHECKPOINT, WEIGHTS
from harness.records.counted import counted
from harness.run.identity import Cell, provenance


class Work(NamedTuple):
    """What a launch has to do.

    Attributes:
        jobs: every distinct run that was asked for.
        todo: of these, the runs to carry out, largest first.
        skipped: number that have finished already.
        failed: number that an earlier launch recorded as failed and that are left so.
        anew: whether all are carried out from their beginning, whatever there is.
    """

    jobs: list[Job]
    todo: list[Job]
    skipped: int
    failed: int
    anew: bool


def launch(runs: Sequence[Run], launcher: str, settings: Settings, console: Console) -> Outcome:
    """See `harness.engine.launchers.carry_out`."""
    place(teams(gpus({run.launch.device for run in runs}), runs[0].launch.gpus))
    work = work_of(runs, console)
    if not work.todo:
        return Outcome(0, work.skipped, work.failed)
    if settings.cores is None:  # another machine's devices are not known here
        faults = missing_devices([job.cell.run for job in work.todo])
        if faults:
            raise ConfigError(faults)
    _plan(work, launcher, settings.cores or cpus(), console)
    with under_way(sorted({job.cell.folder.parent for job in work.todo})):
        ended = LAUNCHERS.get(launcher).launch(work.todo, settings, console)
    return Outcome(
        ended.finished, work.skipped + ended.skipped, work.failed + ended.failed, ended.pending
    )


def work_of(runs: Sequence[Run], console: Console) -> Work:
    """Find out what there is to do, and say what is not done again.

    Raises:
        ConfigError: runs that cannot work.
    """
    with console.status("checking data and weights"):
        cells = cells_of(runs)
        sources = {repr(run.data): run.data for run in runs}.values()
        read = [load(data) for data in sources]
        notes = dict.fromkeys(note for splits in read for note in splits.notes)
        notes |= dict.fromkeys(f"warning: {line}" for splits in read for line in splits.warnings)
        notes |= dict.fromkeys(unheard(runs))
    for note in notes:
        _say(console, note)
    force = any(run.launch.force for run in runs)
    again = any(run.launch.retry == "failed" for run in runs)
    swept = swept_keys([cell.run for cell in cells])
    jobs: list[Job] = []
    todo: list[Job] = []
    states: Counter[str] = Counter()
    bare = 0
    for cell, keys in zip(cells, swept, strict=True):
        found = outcome_of(cell)
        states[found.state] += 1
        jobs.append(Job(cell, found.before, untold(keys, cell.folder.name)))
        if found.fault:
            _say(console, f"{found.fault}; the run is carried out again")
        if force:
            _forget(cell)
        left = found.state == "finished" or (found.state == "failed" and not again)
        if force or not left:
            todo.append(jobs[-1])
        elif found.state == "finished" and cell.run.launch.save_weights:
            bare += not any((cell.folder / name).is_file() for name in (WEIGHTS, ADAPTER))
    todo.sort(key=lambda job: -job.cell.cost)
    skipped = 0 if force else states["finished"]
    failed = 0 if force or again else states["failed"]
    for count, what in (
        (skipped, "finished already and skipped"),
        (bare, "finished and kept no weights; force=true makes them again"),
        (failed, "failed earlier and left so; retry=failed tries them again"),
        (states["hindered"], "failed earlier for want of a device or disk: tried again"),
    ):
        if count:
            _say(console, f"{count:,} of {counted(len(cells), 'run')} {what}")
    return Work(jobs, todo, skipped, failed, force)


def _forget(cell: Cell) -> None:
    """Have a run start anew, unless another launch is at it."""
    if (cell.folder / CHECKPOINT).exists():
        held = lock(cell.folder)
        if held:
            with held:
                (cell.folder / CHECKPOINT).unlink(missing_ok=True)


def _plan(work: Work, launcher: str, cores: int, console: Console) -> None:
    """Write the launch into the plan of its sweeps, and give each run the folder and the threads
    that are planned for it.

    Raises:
        OSError: a sweep's folder cannot be written.
    """
    launched = describe(
        provenance(), datetime.now(UTC).isoformat(timespec="seconds"), platform.node(), launcher
    )
    sweeps: dict[Path, list[Job]] = {}
    for job in work.jobs:
        sweeps.setdefault(job.cell.folder.parent, []).append(job)
    kept: Counter[tuple[int, int]] = Counter()
    for sweep, jobs in sorted(sweeps.items()):
        planned = [_planned(job, cores) for job in jobs]
        fixed, lines = add_to_plan(sweep, planned, launched, anew=work.anew)
        for line in lines:
            _say(console, f"warning: {line}")
        for job in jobs:
            run, own = job.cell.run, fixed[job.cell.identity]
            count = own.threads
            if run.launch.threads not in ("auto", count):
                kept[int(run.launch.threads), count] += 1
            job.cell = job.cell._replace(
                run=with_launch(run, threads=count), folder=sweep / own.run
            )
    for (asked, count), runs in kept.items():
        _say(
            console,
            f"threads={asked}: {counted(runs, 'run')} planned with {count}, which is kept, for "
            "another number would change figures; force=true plans anew",
        )


def _planned(job: Job, cores: int) -> PlannedRun:
    cell = job.cell
    return PlannedRun(
        run=job.name,
        identity=cell.identity,
        contents=cell.contents,
        cost=cell.cost,
        threads=threads_of(cell.run, cores),
        label=job.label,
    )


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
