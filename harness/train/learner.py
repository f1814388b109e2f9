"""One run in training: its settings, its steps, what they add up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.config.schema import Train
from harness.records import StepRecord
from harness.records.roles import ROLES
from harness.train.steps import Course, Step


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


def count(learner: Learner, step: Step, halvings: int, seconds: float) -> StepRecord:
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


def settle(
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
