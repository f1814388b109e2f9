"""Held-out and training NLL per role. It knows nothing of masks: every run is measured alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.rows import Row, split
from harness.models import device
from harness.models.gpt import GPT
from harness.records import ROLES, RoleLoss
from harness.train.batch import assemble, is_response
from harness.train.loss import token_nll


class Evaluation(NamedTuple):
    """The loss of a set of examples.

    Attributes:
        roles: role -> summed loss; only roles that occur.
        answers: per example, the summed loss of its response and end tokens.
        tokens: targets evaluated.
    """

    roles: dict[str, RoleLoss]
    answers: list[RoleLoss]
    tokens: int


@torch.no_grad()
def evaluate(
    model: GPT,
    rows: Sequence[Row],
    batch_tokens: int,
    precision: str,
    advance: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Measure Σ −log p over every token of `rows`, by role and by example, in nats.

    Args:
        model: the model, on its device.
        rows: shifted examples; their weights are not looked at.
        batch_tokens: most tokens of a forward pass, padding counted; does not change the figures.
        precision: "fp32" or "bf16".
        advance: told the number of rows done, after each batch.
    """
    where = model.head.device
    nats = torch.zeros(len(ROLES), dtype=torch.float64, device=where)
    counts = torch.zeros(len(ROLES), dtype=torch.int64, device=where)
    answer_nats = torch.zeros(len(rows), dtype=torch.float64, device=where)
    answer_counts = torch.zeros(len(rows), dtype=torch.int64, device=where)
    for numbers in split([len(row.inputs) for row in rows], batch_tokens):
        batch = assemble([rows[number] for number in numbers]).to(where)
        with device.precision(precision, where):
            hidden = model(batch.inputs, batch.layout)
            nll = token_nll(hidden, model.head, batch.targets).double()
        nats.index_add_(0, batch.roles, nll)
        counts.index_add_(0, batch.roles, torch.ones_like(batch.roles))
        owner = torch.tensor(numbers, device=where)[batch.row]
        chosen = is_response(batch.roles)
        answer_nats.index_add_(0, owner[chosen], nll[chosen])
        answer_counts.index_add_(0, owner[chosen], torch.ones_like(owner[chosen]))
        advance(len(numbers))
    sums = _losses(nats, counts)
    return Evaluation(
        {role: loss for role, loss in zip(ROLES, sums, strict=True) if loss.tokens},
        _losses(answer_nats, answer_counts),
        int(counts.sum()),
    )


@torch.no_grad()
def token_losses(
    model: GPT, rows: Sequence[Row], batch_tokens: int, precision: str
) -> list[NDArray[np.float32]]:
    """−log p of every target of every row, in nats: float32 [targets] each. Arguments as in
    `evaluate`.
    """
    found = [np.empty(0, np.float32)] * len(rows)
    for numbers in split([len(row.inputs) for row in rows], batch_tokens):
        batch = assemble([rows[number] for number in numbers]).to(model.head.device)
        with device.precision(precision, model.head.device):
            nll = (
                token_nll(model(batch.inputs, batch.layout), model.head, batch.targets)
                .float()
                .cpu()
                .numpy()
            )
        ends = np.cumsum([len(rows[number].inputs) for number in numbers])
        for number, nats in zip(numbers, np.split(nll, ends[:-1]), strict=True):
            found[number] = nats
    return found


def _losses(nats: Tensor, counts: Tensor) -> list[RoleLoss]:
    return [RoleLoss(nats=n, tokens=c) for n, c in zip(nats.tolist(), counts.tolist(), strict=True)]


def per_token(roles: dict[str, RoleLoss]) -> dict[str, float]:
    """Role -> nats per token, with "answer" for response and end tokens together."""
    means = {role: loss.nats / loss.tokens for role, loss in roles.items()}
    said = [roles[role] for role in ("response", "end") if role in roles]
    if said:
        means["answer"] = sum(loss.nats for loss in said) / sum(loss.tokens for loss in said)
    return means
