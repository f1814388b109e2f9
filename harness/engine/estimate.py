"""About how long runs take, from those that have finished or from a training step timed here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from harness.config.models import Model, Own
from harness.config.schema import Run
from harness.engine.plan import read_plan
from harness.records import RESULT, Result
from harness.records.counted import counted
from harness.records.storage import RecordError, read_json
from harness.run.identity import Cell, parameters
from harness.run.origin import shape

START = 8
"""Seconds until the first run starts: imports, in the launch and in its workers at once."""

LEAST = 0.5
"""Seconds that a run takes at least, however small."""

LOOKED_AT = 200
"""Finished runs at most from which a time is told."""

ROWS, LENGTH = 8, 48
"""Examples of the step that is timed and their tokens: few enough for a fifth of a second of nano.
"""

MUCH = 4
"""How many times as costly a run may be as the largest that has finished, to be told from it."""

EFFICIENCY = 0.25
"""Of a matrix product's speed, what training and decoding small models reach."""


class Rate(NamedTuple):
    """How long runs take.

    Attributes:
        fixed: seconds of a run, whatever its cost.
        seconds: per unit of its cost.
        source: what tells it, in a few words.
    """

    fixed: float
    seconds: float
    source: str

    def of(self, cell: Cell) -> float:
        """Seconds of a run."""
        return self.fixed + self.seconds * cell.cost


class Past(NamedTuple):
    """A finished run.

    Attributes:
        model: its name.
        cost, seconds: what it came to.
    """

    model: str
    cost: float
    seconds: float


def rate_of(cells: Sequence[Cell], *, on_gpu: bool) -> Rate | None:
    """How fast such runs are: from finished ones of their models below the same `launch.runs`, on
    such a device, of which one at least is not much smaller; else, on the CPU, from a training step
    of the largest, timed here. None where nothing tells: no run has finished yet on a GPU.
    """
    folders = {Path(cell.run.launch.runs) for cell in cells}
    past = list(islice(_past(folders, on_gpu=on_gpu), LOOKED_AT))
    models = {cell.run.model.name for cell in cells}
    alike = [run for run in past if run.model in models]
    largest = max(cells, key=lambda cell: cell.cost)
    # What small runs take is mostly the same for all, and says nothing of what grows.
    if any(run.cost * MUCH > largest.cost for run in alike):
        return fitted([run[1:] for run in alike])
    if not on_gpu:
        return timed(largest.run)
    rate = fitted([run[1:] for run in past]) if past else None
    return rate and rate._replace(source=f"a guess, {rate.source} that were smaller or others")


def fitted(past: Sequence[tuple[float, float]]) -> Rate:
    """How fast runs are from (cost, seconds) of others.

    The largest tell what grows with the cost, since the rest is least of them.
    """
    most = max(cost for cost, _ in past)
    rate = statistics.median(took / cost for cost, took in past if cost >= most / 2)
    small = [took - rate * cost for cost, took in past if cost < most / 2]
    fixed = max(LEAST, statistics.median(small or [0.0]))
    return Rate(fixed, rate, f"from {counted(len(past), 'finished run')}")


def _past(folders: set[Path], *, on_gpu: bool) -> Iterator[Past]:
    """Finished runs."""
    for plan in (plan for folder in folders for plan in folder.glob("*/.sweep/plan.json")):
        sweep = plan.parent.parent
        try:
            planned = read_plan(sweep)
            for run in planned.runs if planned else []:
                if (sweep / run.run / RESULT).is_file():
                    result = read_json(sweep / run.run / RESULT, Result)
                    if (result.provenance.get("device", "cpu") != "cpu") == on_gpu:
                        yield Past(result.model, run.cost, sum(result.seconds.values()))
        except RecordError:  # said by those who need it
            continue


def timed(run: Run) -> Rate:
    """How fast such a run is on one core of this CPU, in seconds of the core: what others do here
    meanwhile does not count.
    """
    import torch

    torch.set_num_threads(1)
    if isinstance(run.model, Own):  # too large to be loaded for this
        speed = _least(_product) / EFFICIENCY
        return Rate(LEAST, speed, "a guess from a matrix product timed here, not from such a run")
    seconds = _least(_training_step(run.model))
    return Rate(LEAST, seconds, f"from a training step of {run.model.name} timed here")


def _least(work: Callable[[], float]) -> float:
    """The least seconds per unit of cost of a few times."""
    times = []
    for _ in range(4):
        began = time.process_time()
        cost = work()
        times.append((time.process_time() - began) / cost)
    return min(times)


def _product() -> float:
    """Multiply two matrices; the cost, of two operations a unit."""
    import torch

    matrix = torch.ones(512, 512)
    matrix @ matrix
    return 512.0**3


def _training_step(model: Model) -> Callable[[], float]:
    """What goes forward and backward once through a GPT of this shape, and gives its cost."""
    import torch

    from harness.models.gpt import GPT, Layout
    from harness.train.loss import weighted_loss

    gpt = GPT(shape(model))
    gpt.initialise(0)
    ids = torch.arange(ROWS * LENGTH) % gpt.shape.vocabulary
    prompt = torch.zeros(len(ids), dtype=torch.bool)

    def step() -> float:
        hidden = gpt(ids, Layout(ROWS, LENGTH))
        weighted_loss(hidden, gpt.head, ids, torch.ones(len(ids)), prompt).total.backward()
        return 3.0 * len(ids) * parameters(gpt.shape)

    return step
