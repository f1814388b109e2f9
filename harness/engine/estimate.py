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

LOOKED_AT = 200
"""Finished runs at most from which a time is told."""

EFFICIENCY = 0.25
"""Of a matrix product's speed, what training and decoding small models reach."""


class Rate(NamedTuple):
    """Seconds per unit of a run's cost.

    Attributes:
        seconds: per unit.
        runs: finished ones from which it is told; 0 for a guess.
    """

    seconds: float
    runs: int


def rate_of(cells: Sequence[Cell], *, on_gpu: bool) -> Rate | None:
    """How fast such runs are; None where nothing tells: no run has finished yet on a GPU."""
    found = list(islice(_rates({Path(cell.run.launch.runs) for cell in cells}), LOOKED_AT))
    if found:
        return Rate(statistics.median(found), len(found))
    return None if on_gpu else Rate(_guess(), 0)


def _rates(folders: set[Path]) -> Iterator[float]:
    """Seconds per unit of cost of finished runs."""
    for plan in (plan for folder in folders for plan in folder.glob("*/.sweep/plan.json")):
        sweep = plan.parent.parent
        try:
            planned = read_plan(sweep)
            for run in planned.runs if planned else []:
                if (sweep / run.run / RESULT).is_file():
                    result = read_json(sweep / run.run / RESULT, Result)
                    yield sum(result.seconds.values()) / run.cost
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
