"""The first step of a run: its examples, weights per token, steps and initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from harness.config.schema import Run
from harness.data.encoded import Encoded
from harness.data.errors import DataError
from harness.data.examples import Examples, plain_rows, prepare_examples, weighted_rows
from harness.data.rows import Row, plan
from harness.models.base import LanguageModel
from harness.records import Split
from harness.run.identity import Cell, make_cell, peak_rate
from harness.run.warm import Base, Warm
from harness.train.evaluate import token_losses
from harness.train.steps import Course, course, cut


class Prepared(NamedTuple):
    """All that a run trains and is measured on.

    Attributes:
        cell: the run.
        examples: its examples.
        rows: of the training examples, with the mask's weights.
        plan: example numbers of each optimiser step.
        base: its initial weights.
    """

    cell: Cell
    examples: Examples
    rows: list[Row]
    plan: list[list[int]]
    base: Base

    @property
    def run(self) -> Run:
        """Its config."""
        return self.cell.run

    def lay_out(self, micro_tokens: int, padded: bool = True) -> Course:
        """All of its steps, in micro-batches of so many tokens, padding counted or not."""
        peak = peak_rate(self.run, self.cell.n_examples)
        cuts = cut(self.rows, self.plan, micro_tokens, padded)
        return course(self.rows, cuts, self.run.train, self.run.mask, peak)

    def measured_on(self, split: Split) -> list[Row]:
        """What the loss of a set is measured on: all of it, of the training examples the first."""
        items = self.examples.of(split)
        return plain_rows(items[: self.run.score.train_examples] if split == "train" else items)

    def elsewhere(self, name: str) -> list[Row]:
        """Another set that the loss is measured on; none where the run does not ask for it."""
        return plain_rows(self.examples.also.get(name, []))


def prepare(cell: Cell, warm: Warm, device: torch.device) -> Prepared:
    """Load, weigh and plan.

    Raises:
        DataError, CheckpointError, OSError: as their one-line messages say.
    """
    run = cell.run
    examples = prepare_examples(run, warm.held_out)
    _check_inputs(cell, examples)
    base = warm.base(run)
    rows = weighted_rows(
        examples.train, run, lambda: surprisal(warm.model(run).to(device), run, examples.train)
    )
    steps = plan(*_batches(run, rows), run.train.epochs, run.seed)
    return Prepared(cell, examples, rows, steps, base)


def _batches(run: Run, rows: Sequence[Row]) -> tuple[list[int], int]:
    """What each row counts in a step, and what a step holds."""
    if run.train.batch_examples:
        return [1] * len(rows), run.train.batch_examples
    return [len(row.inputs) for row in rows], run.train.batch_tokens


def surprisal(model: LanguageModel, run: Run, items: list[Encoded]) -> list[NDArray[np.float32]]:
    """−ln p of each token of each example under the base, in nats.

    A first token, which nothing predicts, gets 0.
    """
    losses = token_losses(model, plain_rows(items), run.score.batch_tokens, run.train.precision)
    return [np.concatenate([np.zeros(1, np.float32), nats]) for nats in losses]


def _check_inputs(cell: Cell, examples: Examples) -> None:
    """Refuse to record figures under an identity that the data or weights no longer have."""
    if make_cell(cell.run, examples).identity != cell.identity:
        raise DataError(
            f"{cell.folder.name}: its data or weights have changed since the sweep was planned; "
            "the same command plans anew"
        )
