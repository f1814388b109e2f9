"""What a run's evaluations add to its row: its best pass is chosen on validation alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.evaluations import of_evaluations
from harness.records import EVALS, EvalRecord, RoleLoss, Split
from harness.records.storage import append
from harness.train.evaluate import Evaluation, per_token


def write(path: Path, *evaluations: tuple[int, Split, float, int]) -> Path:
    """Step, split, response NLL per token and response tokens; a pass has ten steps."""
    with (path / EVALS).open("w") as file:
        for step, split, nll, tokens in evaluations:
            roles = {
                "instruction": RoleLoss(nats=5.0 * tokens, tokens=3 * tokens),
                "response": RoleLoss(nats=nll * tokens, tokens=tokens - 2),
                "end": RoleLoss(nats=0.0, tokens=2),
            }
            append(file, EvalRecord(step=step, epoch=step / 10, split=split, roles=roles))
    return path / EVALS


def test_the_best_pass_is_the_one_of_least_validation_loss(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        (0, "test", 3.0, 8), (0, "validation", 1.0, 6),  # the base is no pass
        (10, "validation", 2.5, 6), (10, "test", 2.0, 8),
        (20, "validation", 2.0, 6), (20, "test", 2.25, 8),  # a worse test loss than after pass 1
        (30, "test", 2.5, 8), (30, "validation", 2.25, 6),
    )  # fmt: skip
    found = of_evaluations(path)
    assert found["best.epoch"] == 2
    assert found["best.overfitting"] == pytest.approx(0.25)
    assert found["nll.test_best.answer"] == pytest.approx(2.25)


def test_a_best_pass_on_fewer_test_examples_than_the_last_has_no_test_loss(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        (10, "validation", 2.0, 6), (10, "test", 2.0, 4),
        (20, "validation", 2.5, 6), (20, "test", 2.25, 8),
    )  # fmt: skip
    found = of_evaluations(path)
    assert found["best.epoch"] == 1
    assert "nll.test_best.answer" not in found


def test_one_pass_is_the_best_and_says_nothing_of_overfitting(tmp_path: Path) -> None:
    found = of_evaluations(write(tmp_path, (10, "validation", 2.0, 6), (10, "test", 1.5, 8)))
    assert found["nll.test_best.answer"] == pytest.approx(1.5)
    assert "best.overfitting" not in found


def test_without_a_validation_set_there_is_no_best_pass(tmp_path: Path) -> None:
    found = of_evaluations(write(tmp_path, (0, "test", 3.0, 8), (10, "test", 2.0, 8)))
    assert set(found) == {"length.prompt", "length.answer", "length.total", "length.ratio"}
    assert found["length.ratio"] == 3.0


def test_the_mean_over_examples_does_not_weigh_them_by_their_length() -> None:
    roles = {"response": RoleLoss(nats=10.0, tokens=10), "end": RoleLoss(nats=2.0, tokens=2)}
    answers = [RoleLoss(nats=8.0, tokens=10), RoleLoss(nats=4.0, tokens=2)]
    found = per_token(Evaluation(roles, answers, 12))
    assert found["answer"] == pytest.approx(1.0)
    assert found["by_example"] == pytest.approx((0.8 + 2.0) / 2)
