"""About how long runs take, from those that have finished or from the speed of this CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from harness.engine.plan import read_plan
from harness.records import RESULT, Result
from harness.records.storage import RecordError, read_json
from harness.run.identity import Cell

START = 8
"""Seconds until the first run starts: imports, in the launch and in its workers at once."""

LEAST = 0.5
"""Seconds that a run takes at least, however small."""

LOOKED_AT = 200
"""Finished runs at most from which a time is told."""

EFFICIENCY = 0.25
"""Of a matrix product's speed, what training and decoding small models reach."""


class Rate(NamedTuple):
    """How long runs take.

    Attributes:
        fixed: seconds of a run, whatever its cost.
        seconds: per unit of its cost.
        runs: finished ones from which it is told; 0 for a guess.
    """

    fixed: float
    seconds: float
    runs: int

    def of(self, cell: Cell) -> float:
        """Seconds of a run."""
        return self.fixed + self.seconds * cell.cost


def rate_of(cells: Sequence[Cell], *, on_gpu: bool) -> Rate | None:
    """How fast such runs are; None where nothing tells: no run has finished yet on a GPU."""
    past = list(islice(_past({Path(cell.run.launch.runs) for cell in cells}), LOOKED_AT))
    if past:
        return fitted(past)
    return None if on_gpu else Rate(LEAST, _guess(), 0)


def fitted(past: Sequence[tuple[float, float]]) -> Rate:
    """How fast runs are from (cost, seconds) of others.

    The largest tell what grows with the cost, since the rest is least of them.
    """
    most = max(cost for cost, _ in past)
    rate = statistics.median(took / cost for cost, took in past if cost >= most / 2)
    small = [took - rate * cost for cost, took in past if cost < most / 2]
    return Rate(max(LEAST, statistics.median(small or [0.0])), rate, len(past))


def _past(folders: set[Path]) -> Iterator[tuple[float, float]]:
    """Cost and seconds of finished runs."""
    for plan in (plan for folder in folders for plan in folder.glob("*/.sweep/plan.json")):
        sweep = plan.parent.parent
        try:
            planned = read_plan(sweep)
            for run in planned.runs if planned else []:
                if (sweep / run.run / RESULT).is_file():
                    result = read_json(sweep / run.run / RESULT, Result)
                    yield run.cost, sum(result.seconds.values())
        except RecordError:  # said by those who need it
            continue


def _guess() -> float:
    """Seconds per unit of cost, two operations each, from the speed of this CPU's cores."""
    import torch

    torch.set_num_threads(1)
    matrix = torch.ones(512, 512)
    matrix @ matrix
    began = time.perf_counter()
    for _ in range(5):
        matrix @ matrix
    a_product = (time.perf_counter() - began) / 5
    return 2 * a_product / (2 * 512**3) / EFFICIENCY
