"""The training loop: the same steps for every mask; only the weights differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.config.schema import Schedule, Train
from harness.data.masks import prompt_scale
from harness.data.rows import RESPONSE_ROLES, Row, split
from harness.models import device
from harness.models.gpt import GPT
from harness.records import ROLES, StepRecord
from harness.train.batch import assemble, is_response
from harness.train.loss import weighted_loss

FLUSH_EVERY = 50
"""Steps whose figures may wait on a GPU before they are read back, which makes the CPU wait for
it.
"""


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
    weight: np.ndarray = field(default_factory=lambda: np.zeros(len(ROLES)))


class StepSums(NamedTuple):
    """What one optimiser step adds up, over all of its micro-batches.

    Attributes:
        total, prompt: Σ w·nll over all tokens and over prompt tokens, scalars on the device.
        denominator: what `total` is divided by, once.
        rows: the step's rows with the weights that entered.
        grid: grid places that attention took, padding counted.
    """

    total: Tensor
    prompt: Tensor
    denominator: float
    rows: list[Row]
    grid: int


class _Pending(NamedTuple):
    """A step whose figures still lie on the device."""

    record: StepRecord
    total: Tensor
    prompt: Tensor
    norm: Tensor
    denominator: float


class Training:
    """A training between two steps: all that it takes to go on from there.

    Attributes:
        model: on its device, trained in place.
        optimizer: with its moments.
        totals: over the steps done.
        micro_tokens: most tokens of a micro-batch; halved where the memory did not suffice.
    """

    def __init__(self, model: GPT, train: Train, record: Callable[[StepRecord], None]) -> None:
        """A training before its first step; `record` takes each step's record, in order, soon after
        the step.
        """
        self.model = model
        self.train = train
        self.optimizer = optimizer(model, train)
        self.totals = Totals()
        self.micro_tokens = train.micro_tokens
        self._record = record
        self._pending: list[_Pending] = []

    def add(self, step: _Pending) -> None:
        """Take in the figures of a step that is done."""
        self._pending.append(step)
        if len(self._pending) == FLUSH_EVERY or self.model.head.device.type == "cpu":
            self.settle()

    def settle(self) -> None:
        """Read the figures of all steps so far back from the device, and hand their records over.

        Raises:
            FloatingPointError: the loss is no longer finite; the message names the step.
        """
        for step in self._pending:
            _settle(step, self.totals)
            self._record(step.record)
        self._pending.clear()


def normalise(rows: Sequence[Row], normalize: str) -> tuple[list[Row], float]:
    """Scale a step's weights and give the denominator that its Σ w·nll is divided by, once.

    With weight w of target t, nll its loss, and e an example of the step:

    - joint: Σ w·nll / Σ w (the field's default);
    - response: Σ w·nll / n, n the number of response and end targets, so that a response token
      weighs 1/n however much of the prompt is in the loss;
    - example: mean over examples with any weight of Σ_e w·nll / Σ_e w.

    Returns:
        The rows, and the denominator; 1 where the step has nothing in its loss, which then is 0.
    """
    if normalize == "response":
        count = sum(int(np.isin(row.roles, RESPONSE_ROLES).sum()) for row in rows)
        return list(rows), float(count or 1)
    sums = [float(row.weights.sum(dtype=np.float64)) for row in rows]
    if normalize == "joint":
        return list(rows), sum(sums) or 1.0
    scaled = [
        row._replace(weights=(row.weights / weight).astype(row.weights.dtype)) if weight else row
        for row, weight in zip(rows, sums, strict=True)
    ]
    return scaled, float(sum(weight > 0 for weight in sums) or 1)


def learning_rate(step: int, steps: int, peak: float, warmup: float, decay: str) -> float:
    """The rate at `step` (from 0) of `steps`: linear warm-up over the share `warmup`, then the
    decay to 0.
    """
    rising = warmup * steps
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    past = (step - rising) / max(1.0, steps - rising)
    if decay == "linear":
        return peak * (1 - past)
    if decay == "cosine":
        return peak * (1 + math.cos(math.pi * past)) / 2
    return peak


def optimizer(model: GPT, train: Train) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices alone."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": train.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(train.beta1, train.beta2), fused=True)


def accumulate(
    model: GPT, rows: Sequence[Row], parts: Sequence[Sequence[int]], normalize: str, precision: str
) -> StepSums:
    """Add the gradient of one optimiser step to `model`'s, micro-batch by micro-batch.

    Args:
        model: on its device.
        rows: the step's rows.
        parts: numbers of the rows of each micro-batch; how they are cut changes no sum.
        normalize: as in `normalise`.
        precision: "fp32" or "bf16".

    Raises:
        torch.OutOfMemoryError: the GPU's memory does not suffice; no gradient is left behind.
    """
    where = model.head.device
    chosen, denominator = normalise(rows, normalize)
    total = prompt = torch.zeros((), device=where)
    grid = 0
    try:
        for part in parts:
            batch = assemble([chosen[place] for place in part]).to(where)
            with device.precision(precision, where):
                hidden = model(batch.inputs, batch.layout)
                loss = weighted_loss(
                    hidden, model.head, batch.targets, batch.weights, ~is_response(batch.roles)
                )
            (loss.total / denominator).backward()  # type: ignore[no-untyped-call]
            total = total + loss.total.detach()
            prompt = prompt + loss.prompt
            grid += batch.layout.rows * batch.layout.length
    except torch.OutOfMemoryError:
        model.zero_grad(set_to_none=True)
        raise
    return StepSums(total, prompt, denominator, chosen, grid)


def _scaled(row: Row, scale: float) -> Row:
    """The row with its prompt's weights multiplied."""
    if scale == 1.0:
        return row
    factors = np.where(np.isin(row.roles, RESPONSE_ROLES), 1.0, scale).astype(row.weights.dtype)
    return row._replace(weights=row.weights * factors)


def _sums(training: Training, rows: Sequence[Row], micro_tokens: int) -> StepSums:
    """A step's gradient and sums with micro-batches of so many tokens."""
    train, parts = training.train, split([len(row.inputs) for row in rows], micro_tokens)
    return accumulate(training.model, rows, parts, train.normalize, train.precision)


def fit(
    training: Training,
    rows: Sequence[Row],
    steps: Sequence[Sequence[int]],
    peak: float,
    after_step: Callable[[int], None],
    schedule: Schedule = "constant",
) -> Totals:
    """Train to the last step, from the first one that `training` has not done.

    Args:
        training: what is trained and how.
        rows: the training examples, shifted, with their mask's weights.
        steps: example numbers of each optimiser step, from `batching.plan`.
        peak: peak learning rate.
        after_step: called with the number of steps done.
        schedule: of the prompt's weights.

    Raises:
        FloatingPointError: the loss is no longer finite; the message names the step.
    """
    model, train, totals, adamw = (
        training.model,
        training.train,
        training.totals,
        training.optimizer,
    )
    per_epoch = len(rows)
    seen = sum(len(examples) for examples in steps[: totals.steps])

    for number in range(totals.steps, len(steps)):
        began = time.perf_counter()
        examples = steps[number]
        lr = learning_rate(number, len(steps), peak, train.warmup, train.decay)
        for group in adamw.param_groups:
            group["lr"] = lr
        scale = prompt_scale(schedule, number, len(steps))
        chosen = [_scaled(rows[example], scale) for example in examples]
        before = training.micro_tokens
        longest = max(len(row.inputs) for row in chosen)
        sums, training.micro_tokens = device.within_memory(
            partial(_sums, training, chosen), before, longest
        )
        totals.halvings += round(math.log2(before / training.micro_tokens))
        totals.grid += sums.grid
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip or math.inf)
        adamw.step()
        adamw.zero_grad(set_to_none=True)

        seen += len(examples)
        weights = np.concatenate([row.weights for row in sums.rows]).astype(np.float64)
        roles = np.concatenate([row.roles for row in sums.rows])
        totals.weight += np.bincount(roles, weights, minlength=len(ROLES))
        totals.steps += 1
        totals.tokens += len(weights)
        written = StepRecord(
            step=number + 1,
            epoch=seen / per_epoch,
            loss=0.0,
            lr=lr,
            grad_norm=0.0,
            prompt_scale=scale,
            tokens=len(weights),
            weighted_tokens=int((weights > 0).sum()),
            weight=float(weights.sum()),
            prompt_share=0.0,
            seconds=time.perf_counter() - began,
        )
        training.add(_Pending(written, sums.total, sums.prompt, norm, sums.denominator))
        if number + 1 == len(steps):
            training.settle()
        after_step(number + 1)
    return totals


def _settle(waiting: _Pending, totals: Totals) -> None:
    """Read a step's figures back from the device."""
    total, prompt = float(waiting.total), float(waiting.prompt)
    record = waiting.record
    record.loss = total / waiting.denominator
    record.grad_norm = float(waiting.norm)
    if not math.isfinite(record.loss) or not math.isfinite(record.grad_norm):
        raise FloatingPointError(
            f"step {record.step}: loss {record.loss}, gradient norm {record.grad_norm}; "
            f"expected finite numbers (train.lr reached {record.lr:.3g})"
        )
    record.prompt_share = prompt / total if total else 0.0
    totals.loss += total
    totals.prompt += prompt
