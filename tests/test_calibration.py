"""Temperature, calibration error and Brier score against their definitions, and in stacks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from harness.data.rows import Row
from harness.models.gpt import GPT
from harness.records.roles import RESPONSE_IDS
from harness.train.calibration import BINS, calibrate
from tests.tiny import assemble, random_rows, toy

V = 61


def rows(model: GPT, count: int, seed: int) -> list[Row]:
    """Random rows with weight on response and end tokens alone, whose targets are drawn from the
    model at temperature 2.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for row in random_rows(count, V, seed, "none"):
        batch = assemble([row])
        with torch.no_grad():
            logits = model(batch.inputs, batch.layout) @ model.head.T
        drawn = (logits / 2).softmax(-1).multinomial(1, generator=generator).squeeze(1)
        weights = np.isin(row.roles, RESPONSE_IDS).astype(np.float32)
        found.append(row._replace(targets=drawn.numpy().astype(np.int32), weights=weights))
    return found


def sure(seed: int) -> GPT:
    """A model whose logits spread as widely as those of one that is too sure."""
    model = toy(V, 64, seed=seed)
    with torch.no_grad():
        model.norm.weight.mul_(8.0)  # the final states, and with them the logits
    return model


def answers(model: GPT, items: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [P, V] and targets [P] of the response and end tokens, row by row."""
    logits, targets = [], []
    for row in items:
        batch = assemble([row])
        with torch.no_grad():
            states = model(batch.inputs, batch.layout) @ model.head.T
        logits.append(states[row.weights > 0])
        targets.append(batch.targets[row.weights > 0])
    return torch.cat(logits).double(), torch.cat(targets)


def loss(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> float:
    return float(torch.nn.functional.cross_entropy(logits / temperature, targets))


def test_the_temperature_is_fitted_on_validation_and_its_loss_is_of_test() -> None:
    model = sure(1)
    validation, test = rows(model, 20, 1), rows(model, 15, 2)
    (found,) = calibrate(model, [validation], [test], 64, "fp32")
    logits, targets = answers(model, validation)
    best = minimize_scalar(
        lambda log: loss(logits, targets, float(np.exp(log))), bounds=(-0.7, 2.0), method="bounded"
    )
    assert 1.5 < float(np.exp(best.x)) < 3, "the targets were drawn at 2"
    assert found.temperature == pytest.approx(float(np.exp(best.x)), rel=0.02)
    assert found.nll == pytest.approx(loss(*answers(model, test), found.temperature), rel=1e-5)


def test_brier_score_and_calibration_error_follow_their_definitions() -> None:
    model = sure(2)
    test = rows(model, 15, 3)
    (found,) = calibrate(model, [rows(model, 4, 4)], [test], 4096, "fp32")
    logits, targets = answers(model, test)
    chances = logits.softmax(-1)
    onehot = torch.nn.functional.one_hot(targets, V)
    assert found.brier == pytest.approx(float((chances - onehot).square().sum(-1).mean()), rel=1e-5)
    confidence, likeliest = chances.max(-1)
    right = (likeliest == targets).double()
    error = 0.0
    for number in range(BINS):
        inside = (confidence >= number / BINS) & (confidence < (number + 1) / BINS)
        if inside.any():
            gap = abs(float(confidence[inside].mean() - right[inside].mean()))
            error += gap * int(inside.sum()) / len(targets)
    assert found.ece == pytest.approx(error, rel=1e-5)


def test_each_run_of_a_stack_is_calibrated_as_alone() -> None:
    lone = [sure(seed) for seed in (5, 6, 7)]
    model = GPT(lone[0].shape, 3)
    for number, each in enumerate(lone):
        model.put(number, each.of_run(0))
    validation = [rows(each, count, count) for each, count in zip(lone, (9, 3, 5), strict=True)]
    test = [rows(each, count, count) for each, count in zip(lone, (4, 8, 2), strict=True)]
    for batch_tokens in (40, 4096):
        stacked = calibrate(model, validation, test, batch_tokens, "fp32")
        for number, each in enumerate(lone):
            (alone,) = calibrate(each, [validation[number]], [test[number]], 4096, "fp32")
            assert stacked[number] == pytest.approx(alone, rel=1e-4)
