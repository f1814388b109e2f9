"""Which runs train together as one stack: a pure plan over cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.config.schema import Run
from harness.run.identity import Cell


def stackable(
    cells: Sequence[Cell], limit: Callable[[Sequence[Run]], int], slots: int
) -> list[list[Cell]]:
    """Group cells that can train as one stacked model.

    Masks, seeds, data, sizes, learning rates, numbers of steps and normalisers may differ within a
    group; what shapes the model and its arithmetic may not. Runs of like cost share a group, so
    that few of them wait for the longest.

    Args:
        cells: the runs.
        limit: most runs that fit into one stack of runs like the given ones.
        slots: groups carried out at a time. None of them is left without work for the sake of
            larger groups.

    Returns:
        The groups, the most expensive first, and within each the most expensive run first.
    """
    kinds: dict[object, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: -cell.cost):
        kinds.setdefault(_kind(cell.run), []).append(cell)
    share = _cost(cells) / slots
    groups: list[list[Cell]] = []
    for alike in kinds.values():
        most = max(1, limit([cell.run for cell in alike]))
        wanted = math.ceil(_cost(alike) / share) if share else 1
        groups += _parts(alike, max(wanted, math.ceil(len(alike) / most)), most)
    return sorted(groups, key=lambda group: -_cost(group))


def _kind(run: Run) -> object:
    """Equal for runs that can train as one model, and be measured and answer as one."""
    return (
        repr(replace(run.model, lr={})),
        run.train.precision,
        run.train.micro_tokens,
        repr(run.score),
        run.launch.device,
        run.launch.threads,
    )


def _parts(alike: Sequence[Cell], count: int, most: int) -> list[list[Cell]]:
    """At most `count` consecutive parts of about the same cost, none of more than `most` cells;
    together they hold at least as many as there are.
    """
    share = _cost(alike) / count
    parts: list[list[Cell]] = []
    spent = 0.0
    for number, cell in enumerate(alike):
        # A cell goes where the larger half of it fits, as long as the parts to come hold the rest.
        dear = spent + cell.cost / 2 > share
        spare = len(alike) - number <= most * (count - len(parts))
        if not parts or len(parts[-1]) == most or (dear and spare):
            parts.append([])
            spent = 0.0
        parts[-1].append(cell)
        spent += cell.cost
    return parts


def _cost(cells: Sequence[Cell]) -> float:
    return sum(cell.cost for cell in cells)
