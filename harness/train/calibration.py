"""Is a model as sure of its responses as it may be? Temperature scaling and calibration.

One temperature for all tokens is fitted on validation, so that the held-out loss after it tells
what a model knows apart from how sure it is (Guo et al. 2017, arXiv 1706.04599, section 4.2).
Expected calibration error after the same paper, equation 3; Brier score after Brier 1950.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.rows import Row
from harness.models import device
from harness.models.base import LanguageModel
from harness.train.evaluate import batches
from harness.train.loss import logits_of, states_at

GRID = np.geomspace(0.5, 8.0, 17)
"""Temperatures that are tried; between them the loss is interpolated in their logarithm."""

BINS = 15
"""Of confidence, equally wide, as in Guo et al."""


class Calibration(NamedTuple):
    """Of the response and end tokens of a held-out set, each predicted from its reference.

    Attributes:
        temperature: what logits are divided by, fitted on validation; above 1 for a model that is
            too sure.
        nll: held-out loss at that temperature, in nats per token.
        ece: expected calibration error, in [0, 1]: how far the share of likeliest tokens that are
            right lies from their probability, weighted over bins of probability.
        brier: mean of Σ over the vocabulary of (p − onehot)², in [0, 2].
    """

    temperature: float
    nll: float
    ece: float
    brier: float


@torch.no_grad()
def calibrate(
    model: LanguageModel,
    validation: Sequence[Sequence[Row]],
    test: Sequence[Sequence[Row]],
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None] = lambda: None,
) -> list[Calibration]:
    """The calibration of each run of a stack, or of a lone model.

    Args:
        model: on its device; a stack has a run for each of `validation` and `test`.
        validation: rows whose weights are 1 for response and end tokens and 0 elsewhere; no run's
            are empty.
        test: as `validation`.
        batch_tokens: most tokens of a run in a forward pass, padding counted.
        precision: "fp32" or "bf16".
        advance: called after each forward pass.
    """

    def passes(sets: Sequence[Sequence[Row]]) -> Iterator[_Chunk]:
        return _chunks(model, sets, batch_tokens, precision, advance)

    grid = torch.from_numpy(np.tile(GRID, (len(test), 1))).to(model.device)
    tried = torch.zeros_like(grid)
    for chunk in passes(validation):
        tried += _nats(chunk, grid)
    chosen = [_least(row) for row in tried.cpu().numpy()]
    fitted = torch.tensor(chosen, dtype=torch.float64, device=model.device)[:, None]
    nats, parts = torch.zeros_like(fitted), []
    for chunk in passes(test):
        nats += _nats(chunk, fitted)
        parts.append(_calibration(chunk))
    sums = _Sums(*(torch.stack(each).sum(0) for each in zip(*parts, strict=True)))
    tokens = sums.tokens.sum(1)
    nll = (nats[:, 0] / tokens).tolist()
    ece = ((sums.confidence - sums.right).abs().sum(1) / tokens).tolist()
    brier = (sums.brier / tokens).tolist()
    return [Calibration(*each) for each in zip(chosen, nll, ece, brier, strict=True)]


class _Chunk(NamedTuple):
    """Positions of each run: logits [R, P, V], targets [R, P], and weights [R, P], 0 for filler."""

    logits: Tensor
    targets: Tensor
    weights: Tensor


class _Sums(NamedTuple):
    """Over positions with weight, float64: [R, BINS], and `brier` [R]."""

    tokens: Tensor
    confidence: Tensor
    right: Tensor
    brier: Tensor


def _chunks(
    model: LanguageModel,
    sets: Sequence[Sequence[Row]],
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None],
) -> Iterator[_Chunk]:
    """All positions with weight, some at a time."""
    for batch, _ in batches(model, sets, batch_tokens):
        targets = batch.targets.gather(-1, batch.places).view(len(sets), -1)
        weights = batch.weights.gather(-1, batch.places).view(len(sets), -1)
        with device.precision(precision, model.device):
            hidden = model.apart(model(batch.inputs.flatten(), batch.layout))
            states = states_at(hidden, batch.places)
            for part, logits in logits_of(states, model.head, model.output):
                own = logits.view(len(sets), -1, logits.shape[-1])
                yield _Chunk(own, targets[:, part], weights[:, part])
        advance()


def _nats(chunk: _Chunk, temperatures: Tensor) -> Tensor:
    """Σ −log p of a chunk at each of a run's temperatures [R, T], float64 [R, T]."""
    logits, targets, weights = chunk
    target = logits.gather(-1, targets[..., None]).squeeze(-1)
    sums = []
    for inverse in (1 / temperatures).float().T[..., None]:
        nll = torch.logsumexp(logits * inverse[..., None], -1) - target * inverse
        sums.append((weights.double() * nll.double()).sum(1))
    return torch.stack(sums, 1)


def _calibration(chunk: _Chunk) -> _Sums:
    """What a chunk adds to calibration error and Brier score."""
    logits, targets, weights = chunk
    runs, weight = len(logits), weights.double()
    chances = logits.softmax(-1)
    confidence, likeliest = chances.max(-1)
    given = chances.gather(-1, targets[..., None]).squeeze(-1)
    brier = (weight * (chances.square().sum(-1) - 2 * given + 1).double()).sum(1)
    first = torch.arange(0, runs * BINS, BINS, device=logits.device)[:, None]
    place = (confidence * BINS).long().clamp(0, BINS - 1) + first  # a NaN's too
    added = [weight, weight * confidence.double(), weight * (likeliest == targets)]
    empty = torch.zeros(runs * BINS, dtype=torch.float64, device=logits.device)
    bins = [empty.index_add(0, place.flatten(), values.flatten()) for values in added]
    tokens, sure, right = (each.view(runs, BINS) for each in bins)
    return _Sums(tokens, sure, right, brier)


def _least(nats: NDArray[np.float64]) -> float:
    """The temperature of the least loss: of the parabola through the best one tried and its
    neighbours, in log temperature; an end of the grid where that is best.
    """
    best = int(nats.argmin())
    if best in (0, len(GRID) - 1):
        return float(GRID[best])
    before, least, after = nats[best - 1 : best + 2]
    curvature = before - 2 * least + after
    moved = 0.5 * (before - after) / curvature if curvature > 0 else 0.0
    return float(GRID[best] * (GRID[1] / GRID[0]) ** moved)
