"""A group of runs from config to result: prepare, train, measure, answer, summarise.

Runs of one shape train as one model (`harness.models.gpt`); a group of one is a lone run. Each run
keeps its own records, checkpoint and failure: what goes wrong with one leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from harness.models import device
from harness.records import Result
from harness.run.clock import Clock
from harness.run.group import Group, Outcome, Progress
from harness.run.identity import Cell
from harness.run.prepare import Prepared, prepare
from harness.run.warm import Warm
from harness.train.team import Team


def execute(cell: Cell, progress: Callable[[str, float], None], warm: Warm) -> Result:
    """Carry out one run and write its records, `result.json` last.

    Raises:
        DataError, CheckpointError, FloatingPointError, OSError, ValueError: as their one-line
            messages say.
    """
    (outcome,) = execute_group([cell], lambda _, phase, share: progress(phase, share), warm)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def execute_group(
    cells: Sequence[Cell], progress: Progress, warm: Warm, team: Team | None = None
) -> list[Outcome]:
    """Carry out runs of one shape together.

    Args:
        cells: runs that `engine.stacks` puts together; at least one.
        progress: told how far each is.
        warm: the worker's caches.
        team: the ranks of a lone run, of which this process is the first; None for no others.

    Returns:
        The outcome of each, in their order.

    Raises:
        Exception: what concerns the whole group, such as memory that does not suffice.
    """
    clock = Clock()
    outcomes: dict[str, Outcome] = {}
    chosen = device.resolve(cells[0].run.launch.device)
    prepared: list[Prepared] = []
    with clock.phase("prepare"):
        for cell in cells:
            try:
                prepared.append(prepare(cell, warm, chosen))
            except ValueError as error:
                outcomes[cell.identity] = error
    with ExitStack() as stack:
        if prepared:
            numbers = {cell.identity: number for number, cell in enumerate(cells)}
            group = Group(prepared, chosen, clock, stack, progress, numbers, team)
            outcomes |= group.carry_out(warm)
    return [outcomes[cell.identity] for cell in cells]
