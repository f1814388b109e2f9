"""The training loop: the same steps for every mask; only the weights differ.

It trains one run, or a stack of runs of one shape as one model. Each run keeps its own rows,
learning rate, gradient norm, totals and failure.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.models import device
from harness.models.base import LanguageModel
from harness.models.gpt import GPT, needs_no_grid
from harness.records import StepRecord
from harness.records.roles import ROLES
from harness.train.batch import Batch, Room, batch_of, is_prompt, restored, stack
from harness.train.learner import Learner, count, settle
from harness.train.loss import weighted_loss
from harness.train.optimizer import AdamW
from harness.train.replay import Replays
from harness.train.room import fitting, largest
from harness.train.steps import Step

FLUSH_EVERY = 50
"""Steps whose figures may wait on a GPU: to read them back makes the host wait for it."""

FILLER = len(ROLES)
"""The role id of a stack's filler."""


class StepSums(NamedTuple):
    """What one optimiser step adds up, over all of its micro-batches.

    Attributes:
        total, prompt: Σ w·nll over all tokens and over prompt tokens, [] or [S] on the device.
    """

    total: Tensor
    prompt: Tensor


class _Pending(NamedTuple):
    """A step whose figures still lie on the device: [3] or [3, S], as `StepSums` and the norm."""

    learners: list[Learner]
    records: list[StepRecord]
    denominators: list[float]
    figures: Tensor


class Training:
    """A training between two steps: all that it takes to go on from there.

    Attributes:
        model: on its device, trained in place; a stack holds a run for each learner.
        learners: the runs, those with most steps left first.
        optimizer: with its moments.
        micro_tokens: most tokens of a run's micro-batch; halved where the memory did not suffice.
    """

    def __init__(
        self, model: LanguageModel, learners: Sequence[Learner], micro_tokens: int
    ) -> None:
        """A training before its first step."""
        self.model = model
        self.learners = list(learners)
        self.optimizer = AdamW(model, [learner.train for learner in learners])
        self.micro_tokens = micro_tokens
        self._active = model
        self._pending: list[_Pending] = []
        self._replays: Replays | None = None
        self._room: Room | None = None

    @property
    def graphs(self) -> int:
        """CUDA graphs that serve the runs that have steps left."""
        return 0 if self._replays is None else len(self._replays)

    def limit(self, micro_tokens: int) -> None:
        """Go on with micro-batches of at most so many tokens."""
        if micro_tokens != self.micro_tokens:
            self.micro_tokens = micro_tokens
            self._room = None
            for learner in self.learners:
                learner.course = learner.lay_out(micro_tokens)

    def settle(self) -> None:
        """Read the figures of all steps so far back from the device, and hand the records over.

        A run whose figures are no longer finite gets its `error`.
        """
        for step in self._pending:
            figures = step.figures.double().view(3, -1)
            for number, learner in enumerate(step.learners):
                if not learner.error:
                    values = figures[:, number].tolist()
                    settle(learner, step.records[number], step.denominators[number], values)
        self._pending.clear()

    def step(self) -> None:
        """One optimiser step of every run that has steps left."""
        learners = self._narrow()
        began = time.perf_counter()
        steps = [learner.course.steps[learner.totals.steps] for learner in learners]
        before = self.micro_tokens
        figures = self._at_once(learners, steps)
        if figures is None:
            longest = max(int(learner.course.rows.lengths.max()) for learner in learners)
            sums, _ = device.within_memory(self.accumulate, before, longest)
            norm = self.optimizer.step([step.lr for step in steps])
            figures = torch.stack([*sums, norm])
        if self.micro_tokens != before:
            steps = [learner.course.steps[learner.totals.steps] for learner in learners]
        halvings = round(math.log2(before / self.micro_tokens))
        share = (time.perf_counter() - began) / len(learners)
        records = []
        for learner, step in zip(learners, steps, strict=True):
            records.append(count(learner, step, halvings, share))
        denominators = [step.denominator for step in steps]
        self._pending.append(_Pending(learners, records, denominators, figures))
        ended = not any(learner.left for learner in learners)
        if ended or len(self._pending) == FLUSH_EVERY or self.model.device.type == "cpu":
            self.settle()
        if ended:  # its memory is free for what comes; it holds this training, too
            self._replays = None

    def _narrow(self) -> list[Learner]:
        """The runs that have steps left: the first ones, and failed ones in between.

        The model that is stepped shrinks with them. It lies on the memory of the whole, so that
        what has ended keeps its weights.
        """
        if not self.model.runs:
            return self.learners
        assert isinstance(self.model, GPT)  # nothing else is stacked
        count = max(number for number, learner in enumerate(self.learners) if learner.left) + 1
        if count < self._active.runs or self._active is self.model:
            self._active = self.model.first(count)
            self.optimizer.narrow(self._active)
            self._room = self._replays = None
            precision = self.learners[0].train.precision
            if self.optimizer.in_kernels and needs_no_grid(self.model.device, precision):
                self._replays = Replays(self._whole_step)
        return self.learners[:count]

    def _at_once(self, learners: Sequence[Learner], steps: Sequence[Step]) -> Tensor | None:
        """The step's figures, [3, S], where it can be launched as one: on a GPU, without parts."""
        if self._replays is None or any(len(step.parts) > 1 for step in steps):
            return None
        if self._room is None:
            self._room = largest([learner.course for learner in learners])
        batch = self._batch(learners, 0, fitting(self._room, steps)).to(self.model.device)
        denominators = [step.denominator for step in steps]
        divisor = torch.tensor(denominators).pin_memory().to(self.model.device, non_blocking=True)
        figures = self.optimizer.figures([step.lr for step in steps])
        try:
            outcome = self._replays([figures, divisor, *batch.tensors()])
        except (torch.OutOfMemoryError, torch.AcceleratorError):
            self._replays = None
            self._forget_gradients()
            return None
        self.optimizer.count(len(steps))
        return outcome

    def _whole_step(self, inputs: Sequence[Tensor], _: int) -> Tensor:
        """Gradient and update of one micro-batch: figures of the update, divisors and a batch's
        tensors to [3, S].
        """
        figures, divisor, *tensors = inputs
        assert self._room is not None
        batch = restored(tensors, self._room)
        sums = weighted_sum(self._active, batch, self.learners[0].train.precision)
        (sums.total / divisor).sum().backward()
        norm = self.optimizer.update(figures)
        return torch.stack([sums.total.detach(), sums.prompt, norm])

    def _forget_gradients(self) -> None:
        for parameter in self._active.parameters():
            parameter.grad = None

    def _batch(self, learners: Sequence[Learner], number: int, room: Room | None = None) -> Batch:
        """The micro-batch `number` of the present step."""
        parts = []
        for learner in learners:
            ended = not learner.left
            parts.append(None if ended else learner.course.part(learner.totals.steps, number))
        if not self.model.runs:
            assert parts[0] is not None
            return batch_of(parts[0])
        return stack(parts, FILLER, room)

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
            self._forget_gradients()
            raise
        return StepSums(total, prompt)


def weighted_sum(model: LanguageModel, batch: Batch, precision: str) -> StepSums:
    """Σ w·nll of a batch, [] or [S], with a gradient; and the prompt's part of it."""
    with device.precision(precision, model.device):
        hidden = model.apart(model(batch.inputs.flatten(), batch.layout))
        loss = weighted_loss(
            hidden,
            model.head,
            batch.targets,
            batch.weights,
            is_prompt(batch.roles),
            batch.places,
            model.output,
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
