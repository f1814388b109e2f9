"""From checked configs to runs carried out: which cells there are, which are to be done, and in
what order.
"""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from harness.config.launchers import Pool as Settings
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data.errors import DataError
from harness.data.examples import Examples, check_weights, prepare_examples
from harness.data.sources import load
from harness.engine.job import Job
from harness.engine.locks import lock
from harness.engine.plan import Launched, PlannedRun, add_to_plan, describe
from harness.engine.pool import Pool
from harness.engine.slots import gpus, placed, places
from harness.engine.view import View
from harness.models.stored import CheckpointError
from harness.models.weights import find, verify
from harness.records import CHECKPOINT, WEIGHTS
from harness.run.identity import Cell, make_cell, provenance, shape, stamp, weights_digest


class Outcome(NamedTuple):
    """How a sweep ended, in numbers of cells: finished by this launch, finished before or
    elsewhere, failed.
    """

    finished: int
    skipped: int
    failed: int


class Work(NamedTuple):
    """What a launch has to do.

    Attributes:
        cells: every distinct run that was asked for.
        todo: of these, the runs to carry out, largest first.
        skipped: number that have finished already.
        failed: number that an earlier launch recorded as failed and that are left so.
    """

    cells: list[Cell]
    todo: list[Cell]
    skipped: int
    failed: int


def cells_of(runs: Sequence[Run]) -> list[Cell]:
    """Check every run against its data and weights and name it; equal runs become one cell.

    Raises:
        ConfigError: with every fault of every run.
    """
    cells: dict[str, Cell] = {}
    faults: Counter[str] = Counter()
    # Runs on the same examples one after another, so that these are prepared once: mostly a sweep's
    # masks.
    prepared: Examples | None = None
    key: tuple[object, ...] | None = None
    for run in sorted(runs, key=_examples_key):
        try:
            if prepared is None or key != _examples_key(run):
                key, prepared = _examples_key(run), None
                prepared = prepare_examples(run)
            examples = prepared
            check_weights(examples.train, run)
            path = (
                None if run.model.weights == "random" else find(run.model.weights, run.model.name)
            )
            if path:
                verify(path, shape(run))
            found = make_cell(run, examples, weights_digest(run, path))
            cells.setdefault(found.identity, found)
        except (CheckpointError, DataError, OSError, ValueError) as error:
            faults[str(error)] += 1
    if faults:
        raise ConfigError(
            [f"{fault} ({count} of {len(runs)} runs)" for fault, count in faults.items()]
        )
    return list(cells.values())


def _examples_key(run: Run) -> tuple[str, ...]:
    """Equal for runs that `prepare` gives the same examples."""
    model = run.model
    return tuple(map(repr, (run.data, run.seed, model.tokenizer, model.weights, model.context)))


def automatic_name(overrides: Sequence[Sequence[str]]) -> str:
    """A sweep's folder name from its jobs' overrides: the keys that differ, and a hash over all of
    them.
    """
    values: dict[str, set[str]] = {}
    for job in overrides:
        for override in job:
            key, _, value = override.partition("=")
            values.setdefault(key.lstrip("+"), set()).add(value)
    swept = "+".join(sorted(key for key, found in values.items() if len(found) > 1)) or "single"
    text = "\n".join(sorted(" ".join(sorted(job)) for job in overrides))
    return f"{swept}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def work_of(runs: Sequence[Run], console: Console) -> Work:
    """Find out what there is to do, and say what is not done again.

    Raises:
        ConfigError: runs that cannot work.
    """
    with console.status("checking data and weights"):
        cells = cells_of(runs)
        notes = dict.fromkeys(note for run in runs for note in load(run.data).notes)
    for note in notes:
        console.print(note, markup=False, highlight=False)
    force = any(run.force for run in runs)
    again = any(run.retry == "failed" for run in runs)
    todo: list[Cell] = []
    skipped = failed = 0
    for cell in cells:
        if force:
            _forget(cell.folder)
        held = stamp(cell.folder)
        if held.result and not force:
            skipped += 1
        elif held.failure and not (held.result or force or again):
            failed += 1
        else:
            todo.append(cell)
    if skipped:
        console.print(f"{skipped} of {len(cells)} runs are finished already and are skipped")
        bare = sum(
            cell.run.save_weights and not (cell.folder / WEIGHTS).is_file() for cell in cells
        ) - len(todo)
        if bare > 0:
            console.print(f"{bare} of these kept no weights; force=true makes them again")
    if failed:
        console.print(
            f"{failed} of {len(cells)} runs failed earlier and are left so; retry=failed tries them again"
        )
    return Work(cells, sorted(todo, key=lambda cell: -cell.cost), skipped, failed)


def _forget(folder: Path) -> None:
    """Have a run start anew, unless another launch is at it."""
    if (folder / CHECKPOINT).exists():
        held = lock(folder)
        if held:
            with held:
                (folder / CHECKPOINT).unlink(missing_ok=True)


def enter(cells: Sequence[Cell], launched: Launched, console: Console) -> None:
    """Write a launch and its cells into the plan of their sweep.

    Raises:
        OSError: a sweep's folder cannot be written.
    """
    for sweep in sorted({cell.folder.parent for cell in cells}):
        planned = [
            PlannedRun(run=cell.folder.name, identity=cell.identity, cost=cell.cost)
            for cell in cells
            if cell.folder.parent == sweep
        ]
        for warning in add_to_plan(sweep, planned, launched):
            console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def launch(runs: Sequence[Run], settings: Settings, console: Console) -> Outcome:
    """Finish every run that is not finished yet, on this machine.

    Args:
        runs: checked configs; their folders may hold earlier results.
        settings: how many workers, and what they may cost.
        console: where progress is shown.

    Raises:
        ConfigError: settings or runs that cannot work, before any is started.
        OSError: the sweep's folder cannot be written.
        PoolError: no worker can be started.
        KeyboardInterrupt: stopped by Ctrl-C; what had finished by then is kept.
    """
    settings.check()
    work = work_of(runs, console)
    if not work.todo:
        return Outcome(0, work.skipped, work.failed)
    found = gpus({cell.run.device for cell in work.todo})
    slots = places(found, settings, [cell.run for cell in work.todo])
    started = datetime.now(UTC).isoformat(timespec="seconds")
    enter(work.cells, describe(provenance(), started, platform.node(), len(slots)), console)
    jobs = [
        Job(cell._replace(run=placed(cell.run, len(slots), len(found))), stamp(cell.folder))
        for cell in work.todo
    ]
    view = View(console, work.todo, work.skipped)
    tally = Pool(jobs, slots, settings.retries, settings.timeout, view).drain()
    return Outcome(tally.finished, work.skipped + tally.elsewhere, work.failed + tally.failed)
