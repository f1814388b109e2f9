"""Weighted cross-entropy as a sum, through the vocabulary head at weighted positions alone.

A loss is never a mean here: (Σ w·nll, denominator) travel apart and are divided once per optimiser
step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 256
"""Positions whose logits exist at once: 256 × 8,192 × 4 bytes stay in a core's cache."""


class LossSum(NamedTuple):
    """A loss on its way to the optimiser step.

    Attributes:
        total: Σ w·nll, a scalar tensor with a gradient.
        prompt: the part of `total` that prompt tokens hold, without gradient.
    """

    total: Tensor
    prompt: Tensor


class _HeadLoss(torch.autograd.Function):
    """Σ w·nll over positions, with gradients made chunk by chunk beside the forward pass.

    The logits [N, V] never exist whole: a chunk's are turned into their own gradient, softmax(z) −
    onehot, at once (as in Liger kernel's fused linear cross-entropy, arXiv 2410.10989).
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take hidden [N, D], head [V, D], targets int64 [N], weights [N]; give Σ w·nll [] and nll
        [N].
        """
        wanted = any(ctx.needs_input_grad)
        nll = torch.empty_like(weights)
        grad_hidden = torch.empty_like(hidden) if wanted else None
        exact = torch.promote_types(hidden.dtype, torch.float32)
        grad_head = torch.zeros_like(head, dtype=exact) if wanted else None
        matrix = head.to(hidden.dtype)
        for start in range(0, len(targets), CHUNK):
            part = slice(start, start + CHUNK)
            logits = (hidden[part] @ matrix.T).to(exact)
            target, weight = targets[part, None], weights[part, None]
            peak = logits.amax(1, keepdim=True)
            chosen = logits.gather(1, target)
            powers = logits.sub_(peak).exp_()
            mass = powers.sum(1, keepdim=True)
            nll[part] = (mass.log() + peak - chosen).squeeze(1)
            if grad_hidden is not None and grad_head is not None:
                grad = powers.mul_(weight / mass)  # w · softmax(z)
                grad.scatter_add_(1, target, -weight)
                grad = grad.to(hidden.dtype)
                torch.mm(grad, matrix, out=grad_hidden[part])
                if grad.dtype == exact:
                    grad_head.addmm_(grad.T, hidden[part])
                else:
                    grad_head += (grad.T @ hidden[part]).to(exact)
        if grad_hidden is not None and grad_head is not None:
            ctx.save_for_backward(grad_hidden, grad_head.to(head.dtype))
        ctx.mark_non_differentiable(nll)
        return (weights * nll).sum(), nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that the forward pass made."""
        scale = grads[0]
        grad_hidden, grad_head = ctx.saved_tensors
        return grad_hidden * scale.to(grad_hidden.dtype), grad_head * scale, None, None


def weighted_loss(
    hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, is_prompt: Tensor
) -> LossSum:
    """Σ w·nll over a batch.

    Args:
        hidden: [N, D], the model's final states.
        head: [V, D], the output head.
        targets: int64 [N].
        weights: float32 [N], ≥ 0; positions of weight 0 are never multiplied with the head.
        is_prompt: bool [N], which targets are prompt tokens.

    Returns:
        The sums; with no weighted position both are 0 and the backward pass adds nothing.
    """
    places = weights.nonzero().squeeze(1)
    picked = weights[places]
    total, nll = _HeadLoss.apply(  # type: ignore[no-untyped-call]
        hidden.index_select(0, places), head, targets[places], picked
    )
    prompt = (picked * nll * is_prompt[places]).sum()
    return LossSum(total, prompt.detach())


@torch.no_grad()
def token_nll(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of each target in nats: [N], whatever any mask says.

    Args:
        hidden: [N, D].
        head: [V, D].
        targets: int64 [N].
    """
    parts = [
        functional.cross_entropy(
            (states @ head.to(states.dtype).T).float(), target, reduction="none"
        )
        for states, target in zip(
            torch.split(hidden, CHUNK), torch.split(targets, CHUNK), strict=True
        )
    ]
    return torch.cat(parts)
