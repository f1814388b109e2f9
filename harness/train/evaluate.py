"""Held-out and training NLL per role. It knows nothing of masks: every run is measured alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.rows import Row, split
from harness.models import device
from harness.models.base import LanguageModel
from harness.records import RoleLoss
from harness.records.roles import ROLES
from harness.train.batch import Batch, batch_of, is_response, lay, stack
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
    model: LanguageModel,
    rows: Sequence[Row],
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """As `evaluate_all`, of a lone model."""
    return evaluate_all(model, [rows], batch_tokens, precision, advance)[0]


@torch.no_grad()
def evaluate_all(
    model: LanguageModel,
    sets: Sequence[Sequence[Row]],
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None] = lambda: None,
) -> list[Evaluation]:
    """Measure Σ −log p over every token of each run's rows, by role and by example, in nats.

    Args:
        model: the model, on its device; a stack has a run for each of `sets`.
        sets: shifted examples of each run, maybe none; their weights are not looked at.
        batch_tokens: most tokens of a run in a forward pass, padding counted; does not change the
            figures.
        precision: "fp32" or "bf16".
        advance: called after each forward pass.
    """
    widths = [len(rows) + 1 for rows in sets]  # the last place of each run takes its filler
    firsts = np.cumsum([0, *widths])
    role_nats, role_counts = _zeros(len(sets) * (len(ROLES) + 1), model.device)
    nats, counts = _zeros(int(firsts[-1]), model.device)
    for batch, numbers in batches(model, sets, batch_tokens):
        nll = _nll(model, batch, precision).double().flatten()
        runs = torch.arange(len(sets), device=model.device)[:, None]
        role = (batch.roles.view(len(sets), -1) + runs * (len(ROLES) + 1)).flatten()
        role_nats.index_add_(0, role, nll)
        role_counts.index_add_(0, role, torch.ones_like(role))
        # Rows of this batch -> their places among all rows of all runs.
        owners = np.full((len(sets), max(map(len, numbers)) + 1), 0)
        for run, own in enumerate(numbers):
            owners[run] = firsts[run] + widths[run] - 1
            owners[run, : len(own)] = firsts[run] + np.asarray(own, dtype=np.int64)
        table = torch.from_numpy(owners).to(model.device, non_blocking=True)
        owner = table.gather(1, batch.row.view(len(sets), -1)).flatten()
        spoken = is_response(batch.roles).flatten()
        nats.index_add_(0, owner, torch.where(spoken, nll, 0.0))
        counts.index_add_(0, owner, spoken.long())
        advance()
    by_role = _losses(role_nats, role_counts)
    by_row = _losses(nats, counts)
    return [
        _evaluation(by_role[run * (len(ROLES) + 1) :], by_row[firsts[run] : firsts[run + 1] - 1])
        for run in range(len(sets))
    ]


def _evaluation(by_role: Sequence[RoleLoss], answers: list[RoleLoss]) -> Evaluation:
    """One run's share of the sums."""
    sums = zip(ROLES, by_role, strict=False)
    roles: dict[str, RoleLoss] = {role: loss for role, loss in sums if loss.tokens}
    return Evaluation(roles, answers, sum(loss.tokens for loss in roles.values()))


def _zeros(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Sums in float64 and counts, all 0."""
    return (
        torch.zeros(count, dtype=torch.float64, device=device),
        torch.zeros(count, dtype=torch.int64, device=device),
    )


def batches(
    model: LanguageModel, sets: Sequence[Sequence[Row]], batch_tokens: int
) -> Iterator[tuple[Batch, list[list[int]]]]:
    """Batches on the model's device, each with the numbers of its rows, run by run."""
    cuts = [split([len(row.inputs) for row in rows], batch_tokens) for rows in sets]
    for place in range(max(map(len, cuts))):
        numbers = [parts[place] if place < len(parts) else [] for parts in cuts]
        flats = [
            lay([rows[number] for number in own]) if own else None
            for rows, own in zip(sets, numbers, strict=True)
        ]
        if model.runs:
            yield stack(flats, len(ROLES)).to(model.device), numbers
        else:
            assert flats[0] is not None
            yield batch_of(flats[0]).to(model.device), numbers


def _nll(model: LanguageModel, batch: Batch, precision: str) -> Tensor:
    """−log p of every target, [N] or [S, N]."""
    with device.precision(precision, model.device):
        hidden = model.apart(model(batch.inputs.flatten(), batch.layout))
        return token_nll(hidden, model.head, batch.targets, model.output)


@torch.no_grad()
def token_losses(
    model: LanguageModel, rows: Sequence[Row], batch_tokens: int, precision: str
) -> list[NDArray[np.float32]]:
    """−log p of every target of every row of a lone model, in nats: float32 [targets] each.

    Arguments as in `evaluate`.
    """
    losses = [np.empty(0, np.float32)] * len(rows)
    for batch, (numbers,) in batches(model, [rows], batch_tokens):
        nll = _nll(model, batch, precision).float().cpu().numpy()
        ends = np.cumsum([len(rows[number].inputs) for number in numbers])
        for number, nats in zip(numbers, np.split(nll, ends[:-1]), strict=True):
            losses[number] = nats
    return losses


def _losses(nats: Tensor, counts: Tensor) -> list[RoleLoss]:
    return [RoleLoss(nats=n, tokens=c) for n, c in zip(nats.tolist(), counts.tolist(), strict=True)]


def bits_per_byte(roles: dict[str, RoleLoss], lengths: dict[str, int]) -> dict[str, float]:
    """Role -> bits per byte of its text, with "answer" for response and end together; of what the
    template writes none.

    Args:
        roles: role -> summed loss.
        lengths: role -> bytes.
    """
    said = [role for role in roles if role not in ("template", "end") and lengths.get(role)]
    bits = {role: roles[role].nats / math.log(2) / lengths[role] for role in said}
    if "response" in bits and "end" in roles:
        nats = roles["response"].nats + roles["end"].nats
        bits["answer"] = nats / math.log(2) / lengths["response"]
    return bits


def per_token(measured: Evaluation) -> dict[str, float]:
    """Role -> nats per token, with "answer" for response and end tokens together.

    "by_example" is the mean over examples of what "answer" is of each: a few long responses, which
    a model may copy from their prompts, do not decide it.
    """
    roles = measured.roles
    means = {role: loss.nats / loss.tokens for role, loss in roles.items()}
    said = [roles[role] for role in ("response", "end") if role in roles]
    if said:
        means["answer"] = sum(loss.nats for loss in said) / sum(loss.tokens for loss in said)
        own = [loss.nats / loss.tokens for loss in measured.answers if loss.tokens]
        means["by_example"] = sum(own) / len(own)
    return means
