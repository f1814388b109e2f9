"""Evaluations in the middle of training.

A lone run is measured where it stands. The runs of a stack reach the end of a pass at different
steps, so each leaves a copy of its weights there, and the copies are measured together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.data.rows import Row
from harness.models import device
from harness.models.base import LanguageModel
from harness.models.gpt import GPT
from harness.records import Split
from harness.run.journal import Journal
from harness.train.evaluate import Evaluation, evaluate_all
from harness.train.learner import Learner
from harness.train.loop import Training


class _Due(NamedTuple):
    """A run whose copy waits to be measured: the step and the epoch at which it was taken."""

    step: int
    epoch: float


class Midway:
    """The evaluations of a group of runs between its first step and its last."""

    def __init__(
        self, training: Training, journals: list[Journal], alive: Callable[[], None]
    ) -> None:
        """Nothing is due yet; `alive` is called after each batch of an evaluation."""
        self._training = training
        self._journals = journals
        self._alive = alive
        self._due: dict[int, _Due] = {}
        self._seen = [learner.totals.steps for learner in training.learners]
        self._copies: GPT | None = None

    def look(self) -> None:
        """Take note of runs that have reached the end of a pass; measure once all have."""
        learners = self._training.learners
        for number, learner in enumerate(learners):
            done = learner.totals.steps
            if learner.error or done == self._seen[number]:
                continue
            self._seen[number] = done
            run, steps = self._journals[number].prepared.run, len(learner.course.steps)
            every = run.score.every * steps // run.train.epochs
            if every and done % every == 0 and done < steps:
                if number in self._due:
                    self.measure()
                self._due[number] = _Due(done, done * run.train.epochs / steps)
                self._keep(number)
        waiting = any(
            learner.left and number not in self._due for number, learner in enumerate(learners)
        )
        if self._due and not waiting:
            self.measure()

    def _keep(self, number: int) -> None:
        model = self._training.model
        if not isinstance(model, GPT) or not model.runs:
            return
        if self._copies is None:
            self._copies = GPT(model.shape, model.runs).to(model.device, model.head.dtype)
        self._copies.put(number, model.of_run(number))

    def measure(self) -> None:
        """Measure the runs that are due, each on the first test examples, on its validation set and
        on its own sample.
        """
        due, self._due = self._due, {}
        if not due:
            return
        self._training.settle()  # a run that diverged has nothing to be measured
        model: LanguageModel = self._copies or self._training.model
        splits: tuple[Split, ...] = ("test", "validation", "train")
        for split in splits:
            rows: list[list[Row]] = [[] for _ in self._journals]
            for number in due:
                prepared = self._journals[number].prepared
                own = prepared.measured_on(split)
                rows[number] = own[: prepared.run.score.examples] if split == "test" else own
            if not any(rows):
                continue
            evaluations = measured(model, self._journals, rows, self._alive)
            for number, (step, epoch) in sorted(due.items()):
                learner, journal = self._training.learners[number], self._journals[number]
                if rows[number] and not learner.error:
                    write_evaluation(journal, learner, split, step, epoch, evaluations[number])


def write_evaluation(
    journal: Journal,
    learner: Learner,
    split: Split,
    step: int,
    epoch: float,
    evaluation: Evaluation,
) -> None:
    """Write an evaluation; figures that are not finite end the run, not its stack."""
    try:
        journal.evaluation(split, step, epoch, evaluation)
    except ValueError as error:
        learner.error = f"evaluation of {split} after step {step}: {error}"


def measured(
    model: LanguageModel, journals: list[Journal], rows: list[list[Row]], alive: Callable[[], None]
) -> list[Evaluation]:
    """Evaluations in as large batches as memory allows; their size does not change the figures."""
    run = journals[0].prepared.run
    longest = max(len(row.inputs) for own in rows for row in own)
    return device.within_memory(
        lambda limit: evaluate_all(model, rows, limit, run.train.precision, alive),
        run.score.batch_tokens,
        longest,
    )[0]
