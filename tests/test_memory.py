"""Where the GPU's memory ends, smaller micro-batches give the same sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from harness.data.rows import Row, shift
from harness.models.device import within_memory
from harness.records import StepRecord
from harness.train import loop as train
from harness.train.learner import Learner, Totals
from harness.train.loss import weighted_loss
from harness.train.steps import Course, course, cut
from tests.tiny import MASKS, run_of, tokens_of, toy


def rows() -> list[Row]:
    tokens = tokens_of()
    return [
        shift(tokens._replace(ids=np.roll(tokens.ids, n)), np.ones(len(tokens.ids), np.float32))
        for n in range(8)
    ]


def fitted(
    fits: int, monkeypatch: pytest.MonkeyPatch, micro_tokens: int = 100_000
) -> tuple[list[StepRecord], Totals]:
    """Two steps of eight rows where `fits` rows' tokens fit into memory at once."""
    honest = weighted_loss
    length = len(rows()[0].inputs)

    def limited(hidden: torch.Tensor, *rest: Any) -> object:
        if len(hidden) > fits * length:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(hidden, *rest)

    monkeypatch.setattr(train, "weighted_loss", limited)
    records: list[StepRecord] = []
    config = replace(run_of("model=nano").train, micro_tokens=micro_tokens)
    steps = [list(range(8)), list(range(8))]

    def lay_out(limit: int) -> Course:
        return course(rows(), cut(rows(), steps, limit), config, MASKS["none"], 1e-3)

    learner = Learner(config, lay_out, records.append, lay_out(micro_tokens))
    train.fit(train.Training(toy(), [learner], micro_tokens), lambda: None)
    return records, learner.totals


def test_a_step_that_does_not_fit_is_done_again_in_smaller_parts_with_the_same_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, roomy = fitted(8, monkeypatch)
    monkeypatch.undo()
    parts, tight = fitted(2, monkeypatch, micro_tokens=16 * len(rows()[0].inputs))
    assert roomy.halvings == 0 and tight.halvings == 3  # 16 rows, 8, 4, 2; kept for the second step
    assert len(parts) == 2
    for one, other in zip(whole, parts, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-5) and other.grad_norm == pytest.approx(
            one.grad_norm, rel=1e-4
        )
        assert (other.tokens, other.weight) == (one.tokens, one.weight)
    assert tight.tokens == roomy.tokens and tight.grid == roomy.grid


def test_a_row_that_does_not_fit_alone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        fitted(0, monkeypatch)


def test_the_limit_is_halved_down_to_the_longest_row() -> None:
    tried = []

    def compute(limit: int) -> str:
        tried.append(limit)
        if limit > 30:
            raise torch.OutOfMemoryError
        return "done"

    assert within_memory(compute, 200, 20) == ("done", 25) and tried == [200, 100, 50, 25]
    with pytest.raises(torch.OutOfMemoryError):
        within_memory(compute, 200, 60)
