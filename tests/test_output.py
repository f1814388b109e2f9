"""Logits that are more than the head's products: a bias, a soft cap, and a head that is frozen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from harness.models.base import Output
from harness.train.loss import token_nll, weighted_loss

POSITIONS, WIDTH, VOCABULARY = 300, 6, 11
"""More positions than a chunk has."""


def made(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("cap", [0.0, 2.0])
def test_loss_and_gradients_are_those_of_the_whole_logits(cap: float) -> None:
    hidden, head, bias = (
        made(POSITIONS, WIDTH, seed=1),
        made(VOCABULARY, WIDTH, seed=2),
        made(VOCABULARY, seed=3),
    )
    targets = torch.arange(POSITIONS) % VOCABULARY
    weights = (torch.arange(POSITIONS) % 3).float()
    loss = weighted_loss(hidden, head, targets, weights, targets < 4, output=Output(bias, cap))
    loss.total.backward()
    ours = [tensor.grad for tensor in (hidden, head, bias)]
    logits = hidden @ head.T + bias
    logits = cap * torch.tanh(logits / cap) if cap else logits
    nll = functional.cross_entropy(logits, targets, reduction="none")
    theirs = torch.autograd.grad((weights * nll).sum(), [hidden, head, bias])
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss.prompt, (weights * nll)[targets < 4].sum().detach())
    torch.testing.assert_close(token_nll(hidden, head, targets, Output(bias, cap)), nll.detach())


def test_a_frozen_head_gets_no_gradient_and_changes_none_of_the_states() -> None:
    head = made(VOCABULARY, WIDTH, seed=2)
    targets, weights = torch.arange(POSITIONS) % VOCABULARY, torch.ones(POSITIONS)
    gradients = []
    for matrix in (head, head.detach()):
        hidden = made(POSITIONS, WIDTH, seed=1)
        weighted_loss(hidden, matrix, targets, weights, targets < 4).total.backward()
        gradients.append(hidden.grad)
    first, second = gradients
    assert first is not None and second is not None and torch.equal(first, second)
    assert head.grad is not None
