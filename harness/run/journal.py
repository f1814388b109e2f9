"""One run's open record files while it lasts, and what it has used up."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from harness.data.examples import describe
from harness.data.tokens import tokenizer_of
from harness.records import (
    AUDIT,
    EVALS,
    RESPONSES,
    STEPS,
    EvalRecord,
    ResponseRecord,
    Split,
    StepRecord,
)
from harness.records.storage import append
from harness.run.identity import open_folder
from harness.run.prepare import Prepared
from harness.run.resume import Checkpoint
from harness.train.evaluate import Evaluation

AUDITED = 3
"""Training examples that a run's audit holds."""


class Journal:
    """Writes a run's records as they come.

    Attributes:
        prepared: the run.
        checkpoint: its checkpoint, read.
        tokens: phase -> tokens processed, over all tries as far as the run went on from them.
        started: when this try began.
    """

    def __init__(self, prepared: Prepared, stack: ExitStack) -> None:
        """Open the folder and its files, which `stack` closes.

        Raises:
            OSError: the folder cannot be written.
        """
        self.prepared = prepared
        self.started = datetime.now(UTC)
        folder = prepared.cell.folder
        open_folder(prepared.cell)
        tokenizer = tokenizer_of(prepared.run.model)
        with (folder / AUDIT).open("w", encoding="utf-8") as file:
            shown = zip(prepared.examples.train[:AUDITED], prepared.rows, strict=False)
            for item, row in shown:
                append(file, describe(item, row.weights, tokenizer))
        names = (STEPS, EVALS, RESPONSES)
        self._files = {
            name: stack.enter_context((folder / name).open("a", encoding="utf-8")) for name in names
        }
        trained = sum(tensor.numel() for tensor in prepared.base.tensors.values())
        self.checkpoint = Checkpoint(prepared.cell, self._files, trained)
        self.tokens = dict(self.checkpoint.tokens)

    def step(self, record: StepRecord) -> None:
        """Write an optimiser step."""
        append(self._files[STEPS], record)

    def evaluation(self, split: Split, step: int, epoch: float, measured: Evaluation) -> None:
        """Write an evaluation; those of the base are not counted, since runs share them."""
        if step or split == "train":
            self.tokens["evaluate"] = self.tokens.get("evaluate", 0) + measured.tokens
        record = EvalRecord(step=step, epoch=epoch, split=split, roles=measured.roles)
        append(self._files[EVALS], record)

    def response(self, record: ResponseRecord) -> None:
        """Write an answer."""
        append(self._files[RESPONSES], record)
