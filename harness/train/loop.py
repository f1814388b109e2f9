"""The training loop: the same steps for every mask; only the weights differ.

It trains one run, or a stack of runs of one shape as one model. Each run keeps its own rows,
learning rate, gradient norm, totals and failure.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.config.schema import Train
from harness.models import device
from harness.models.gpt import GPT
from harness.records import ROLES, StepRecord
from harness.train.batch import Batch, batch_of, is_response, stack
from harness.train.loss import weighted_loss
from harness.train.optimizer import AdamW
from harness.train.steps import Course, Step

FLUSH_EVERY = 50
"""Steps whose figures may wait on a GPU: to read them back makes the host wait for it."""

FILLER = len(ROLES)
"""The role id of a stack's filler."""


@dataclass(slots=True)
class Totals:
    """Sums over a whole training.

    Attributes:
        steps: optimiser steps done.
        tokens: targets seen, of every role.
        grid: grid places those took, padding counted.
        halvings: how often the micro-batch was halved because the GPU's memory did not suffice.
        loss, prompt: Σ w·nll over all tokens and over prompt tokens.
        weight: float64 [roles], Σ w by role.
    """

    steps: int = 0
    tokens: int = 0
    grid: int = 0
    halvings: int = 0
    loss: float = 0.0
    prompt: float = 0.0
    weight: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(ROLES)))


@dataclass(slots=True)
class Learner:
    """One run in training.

    Attributes:
        train: its settings.
        lay_out: from most tokens of a micro-batch to all of its steps.
        record: takes each step's record, in order, soon after the step.
        course: its steps.
        totals: over the steps done.
        error: why it cannot go on, in one line; "" while it can. The stack goes on without it.
    """

    train: Train
    lay_out: Callable[[int], Course]
    record: Callable[[StepRecord], None]
    course: Course
    totals: Totals = field(default_factory=Totals)
    error: str = ""

    @property
    def left(self) -> int:
        """Steps to do."""
        return 0 if self.error else len(self.course.steps) - self.totals.steps


class StepSums(NamedTuple):
    """What one optimiser step adds up, over all of its micro-batches.

    Attributes:
        total, prompt: Σ w·nll over all tokens and over prompt tokens, [] or [S] on the device.
    """

    total: Tensor
    prompt: Tensor


class _Pending(NamedTuple):
    """A step whose figures still lie on the device."""

    learners: list[Learner]
    records: list[StepRecord]
    denominators: list[float]
    total: Tensor
    prompt: Tensor
    norm: Tensor


class Training:
    """A training between two steps: all that it takes to go on from there.

    Attributes:
        model: on its device, trained in place; a stack holds a run for each learner.
        learners: the runs, those with most steps left first.
        optimizer: with its moments.
        micro_tokens: most tokens of a run's micro-batch; halved where the memory did not suffice.
    """

    def __init__(self, model: GPT, learners: Sequence[Learner], micro_tokens: int) -> None:
        """A training before its first step."""
        self.model = model
        self.learners = list(learners)
        self.optimizer = AdamW(model, [learner.train for learner in learners])
        self.micro_tokens = micro_tokens
        self._active = model
        self._pending: list[_Pending] = []

    def limit(self, micro_tokens: int) -> None:
        """Go on with micro-batches of at most so many tokens."""
        if micro_tokens != self.micro_tokens:
            self.micro_tokens = micro_tokens
            for learner in self.learners:
                learner.course = learner.lay_out(micro_tokens)

    def settle(self) -> None:
        """Read the figures of all steps so far back from the device, and hand the records over.

        A run whose figures are no longer finite gets its `error`.
        """
        for step in self._pending:
            figures = torch.stack([step.total, step.prompt, step.norm]).double().view(3, -1)
            for number, learner in enumerate(step.learners):
                if not learner.error:
                    values = figures[:, number].tolist()
                    _settle(learner, step.records[number], step.denominators[number], values)
        self._pending.clear()

    def step(self) -> None:
        """One optimiser step of every run that has steps left."""
        learners = self._narrow()
        began = time.perf_counter()
        steps = [learner.course.steps[learner.totals.steps] for learner in learners]
        before = self.micro_tokens
        longest = max(int(learner.course.rows.lengths.max()) for learner in learners)
        sums, _ = device.within_memory(self.accumulate, before, longest)
        if self.micro_tokens != before:
            steps = [learner.course.steps[learner.totals.steps] for learner in learners]
        halvings = round(math.log2(before / self.micro_tokens))
        norm = self.optimizer.step([step.lr for step in steps])
        share = (time.perf_counter() - began) / len(learners)
        records = []
        for learner, step in zip(learners, steps, strict=True):
            records.append(_count(learner, step, halvings, share))
        denominators = [step.denominator for step in steps]
        waiting = _Pending(learners, records, denominators, sums.total, sums.prompt, norm)
        self._pending.append(waiting)
        ended = not any(learner.left for learner in learners)
        if ended or len(self._pending) == FLUSH_EVERY or self.model.device.type == "cpu":
            self.settle()

    def _narrow(self) -> list[Learner]:
        """The runs that have steps left: the first ones, and failed ones in between.

        The model that is stepped shrinks with them. It lies on the memory of the whole, so that
        what has ended keeps its weights.
        """
        if not self.model.runs:
            return self.learners
        count = max(number for number, learner in enumerate(self.learners) if learner.left) + 1
        if count < self._active.runs or self._active is self.model:
            self._active = self.model.first(count)
            self.optimizer.narrow(self._active)
        return self.learners[:count]

    def _batch(self, learners: Sequence[Learner], number: int) -> Batch:
        """The micro-batch `number` of the present step."""
        parts = []
        for learner in learners:
            ended = not learner.left
            parts.append(None if ended else learner.course.part(learner.totals.steps, number))
        if not self.model.runs:
            assert parts[0] is not None
            return batch_of(parts[0])
        return stack(parts, FILLER)

    def accumulate(self, micro_tokens: int) -> StepSums:
        """Add the gradient of one optimiser step to the model's, micro-batch by micro-batch.

        How a step is cut into micro-batches changes no sum.

        Raises:
            torch.OutOfMemoryError: the GPU's memory does not suffice; no gradient is left behind.
        """
        learners = self.learners[: self._active.runs] if self.model.runs else self.learners
        self.limit(micro_tokens)
        steps = [learner.course.steps[learner.totals.steps] for learner in learners if learner.left]
        denominators = [
            learner.course.steps[learner.totals.steps].denominator if learner.left else 1.0
            for learner in learners
        ]
        where = self.model.device
        divisor = torch.tensor(denominators, device=where) if self.model.runs else denominators[0]
        total = prompt = torch.zeros(len(denominators) if self.model.runs else (), device=where)
        try:
            for number in range(max(len(step.parts) for step in steps)):
                batch = self._batch(learners, number).to(where)
                loss = weighted_sum(self._active, batch, learners[0].train.precision)
                (loss.total / divisor).sum().backward()
                total = total + loss.total.detach()
                prompt = prompt + loss.prompt
        except torch.OutOfMemoryError:
            for parameter in self._active.parameters():
                parameter.grad = None
            raise
        return StepSums(total, prompt)


def weighted_sum(model: GPT, batch: Batch, precision: str) -> StepSums:
    """Σ w·nll of a batch, [] or [S], with a gradient; and the prompt's part of it."""
    with device.precision(precision, model.device):
        hidden = model.apart(model(batch.inputs.flatten(), batch.layout))
        loss = weighted_loss(
            hidden,
            model.head,
            batch.targets,
            batch.weights,
            ~is_response(batch.roles),
            batch.places,
        )
    return StepSums(loss.total, loss.prompt)


def fit(training: Training, after_step: Callable[[], None]) -> None:
    """Train every run to its last step, from the first one that it has not done.

    Args:
        training: what is trained and how.
        after_step: called after every step.
    """
    while any(learner.left for learner in training.learners):
        training.step()
        after_step()


def _count(learner: Learner, step: Step, halvings: int, seconds: float) -> StepRecord:
    """Add a step to a run's totals; its record, but for the figures that lie on the device."""
    totals = learner.totals
    totals.weight += learner.course.mass[totals.steps]
    totals.steps += 1
    totals.tokens += step.tokens
    totals.grid += step.grid
    totals.halvings += halvings
    return StepRecord(
        step=totals.steps,
        epoch=step.seen / learner.course.examples,
        loss=0.0,
        lr=step.lr,
        grad_norm=0.0,
        prompt_scale=step.prompt_scale,
        tokens=step.tokens,
        weighted_tokens=step.weighted,
        weight=step.weight,
        prompt_share=0.0,
        seconds=seconds,
    )


def _settle(
    learner: Learner, record: StepRecord, denominator: float, values: Sequence[float]
) -> None:
    """Put a step's figures, read back from the device, into its record and the run's totals."""
    total, prompt, norm = values
    record.loss = total / denominator
    record.grad_norm = norm
    if not math.isfinite(record.loss) or not math.isfinite(norm):
        learner.error = (
            f"step {record.step}: loss {record.loss}, gradient norm {norm}; "
            f"expected finite numbers (train.lr reached {record.lr:.3g})"
        )
        return
    record.prompt_share = prompt / total if total else 0.0
    learner.totals.loss += total
    learner.totals.prompt += prompt
    learner.record(record)
