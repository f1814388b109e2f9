"""Weighted cross-entropy as a sum, through the vocabulary head at weighted positions alone.

A loss is never a mean here: (Σ w·nll, denominator) travel apart and are divided once per optimiser
step. Every function takes a lone model's tensors, or a stack's with a leading axis S of runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from harness.models.base import PLAIN, Output
from harness.models.device import has_triton

CACHE_POSITIONS = 256
"""Positions whose logits exist at once on a CPU: 256 × 8,192 × 4 bytes stay in a core's cache."""

GPU_LOGITS = 2**28
"""Logits that exist at once on a GPU: 1 GiB in fp32, a stack's step in one go or nearly."""


ALIGNMENT = 64
"""On a GPU the vocabulary is filled up to a multiple of so many ids."""


class LossSum(NamedTuple):
    """A loss on its way to the optimiser step.

    Attributes:
        total: Σ w·nll, [] or [S], with a gradient.
        prompt: the part of `total` that prompt tokens hold, without gradient.
    """

    total: Tensor
    prompt: Tensor


def chunk(head: Tensor) -> int:
    """Positions of each run whose logits exist at once."""
    return max(64, GPU_LOGITS // head[..., 0].numel()) if head.is_cuda else CACHE_POSITIONS


def _matrix(head: Tensor, dtype: torch.dtype) -> Tensor:
    """The head in the products' type, [V, D] or [S, V, D].

    On a GPU rows of zeros fill the vocabulary up to what its matrix units like: with GPT-2's 50,257
    ids, every product with the head takes three times as long.
    """
    filler = -head.shape[-2] % ALIGNMENT if head.is_cuda else 0
    matrix = head.to(dtype)
    return functional.pad(matrix, (0, 0, 0, filler)) if filler else matrix


def _cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, vocabulary: int, wanted: bool
) -> tuple[Tensor, Tensor]:
    """−log p of the targets, and w · (softmax − onehot) in the logits' type, if wanted.

    The logits may be overwritten.
    """
    if _in_kernel(logits):
        from harness.train.loss_kernel import cross_entropy

        nll = cross_entropy(logits, targets, weights, vocabulary, wanted)
        return nll, logits
    dtype = logits.dtype
    logits = logits.to(torch.promote_types(dtype, torch.float32))
    logits[..., vocabulary:] = -torch.inf
    target = targets[..., None]
    peak = logits.amax(-1, keepdim=True)  # taken off before exp, which else overflows
    chosen = logits.gather(-1, target)
    powers = logits.sub_(peak).exp_()
    mass = powers.sum(-1, keepdim=True)
    nll = (mass.log() + peak - chosen).squeeze(-1)
    if not wanted:
        return nll, powers
    weight = weights[..., None]
    grad = powers.mul_(weight / mass)
    grad.scatter_add_(-1, target, -weight)
    return nll, grad.to(dtype)


def _in_kernel(logits: Tensor) -> bool:
    on_gpu = logits.is_cuda and logits.dtype in (torch.float32, torch.bfloat16)
    return on_gpu and has_triton()


def _narrowed(hidden: Tensor) -> Tensor:
    """States in autocast's type: the final norm gives fp32, in which products are far slower."""
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind) and hidden.dtype == torch.float32:
        return hidden.to(torch.get_autocast_dtype(kind))
    return hidden


def _add(total: Tensor, grad: Tensor, states: Tensor) -> None:
    """Add gradᵀ · states to a head's gradient, in its own precision."""
    if grad.dtype != total.dtype:
        total += (grad.mT @ states).to(total.dtype)
    elif grad.ndim == 2:
        total.addmm_(grad.mT, states)
    else:
        total.baddbmm_(grad.mT, states)


class _HeadLoss(torch.autograd.Function):
    """Σ w·nll over positions, with gradients made chunk by chunk beside the forward pass.

    The logits [N, V] never exist whole. Cross-entropy's gradient in the logits z needs nothing but
    them, softmax(z) − onehot, so a chunk's logits become their own gradient in place, and its
    products with head and states are taken before the next chunk's logits are made (as in Liger
    kernel's fused linear cross-entropy, arXiv 2410.10989). The backward pass is then one scaling.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give Σ w·nll [] or [S] and nll [P] or [S, P].

        Args:
            ctx: autograd's.
            hidden: [P, D] or [S, P, D].
            head: [V, D] or [S, V, D].
            targets: int64 [P] or [S, P].
            weights: [P] or [S, P].
        """
        wanted, trained = any(ctx.needs_input_grad), ctx.needs_input_grad[1]
        hidden_dtype = hidden.dtype
        hidden = _narrowed(hidden)
        grad_hidden = torch.empty_like(hidden) if wanted else None
        exact = torch.promote_types(hidden.dtype, torch.float32)
        size = chunk(head)
        whole = head.is_cuda and size >= targets.shape[-1] > 0
        grad_head = None
        if trained:
            empty = torch.empty if whole else torch.zeros
            grad_head = empty(head.shape, dtype=exact, device=head.device)
        weights = weights.to(exact)
        nll = torch.empty_like(weights)
        matrix = _matrix(head, hidden.dtype)
        vocabulary = head.shape[-2]
        for start in range(0, targets.shape[-1], size):
            part = slice(start, start + size)
            states = hidden[..., part, :]
            logits = states @ matrix.mT
            nll[..., part], grad = _cross_entropy(
                logits, targets[..., part], weights[..., part], vocabulary, wanted
            )
            if grad_hidden is not None:
                grad_hidden[..., part, :] = grad @ matrix
                if grad_head is None:  # frozen, below adapters
                    continue
                grad = grad[..., :vocabulary]
                if whole:  # nothing to add up
                    grad_head = grad.mT @ states
                else:
                    _add(grad_head, grad, states)
        if grad_hidden is not None:
            ctx.save_for_backward(grad_hidden, grad_head)
            ctx.dtypes = hidden_dtype, head.dtype
        ctx.mark_non_differentiable(nll)
        return (weights * nll).sum(-1), nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that the forward pass made."""
        scale = grads[0][..., None, None]
        grad_hidden, grad_head = ctx.saved_tensors
        hidden_dtype, head_dtype = ctx.dtypes
        grad_hidden = (grad_hidden * scale.to(grad_hidden.dtype)).to(hidden_dtype)
        if grad_head is not None:
            grad_head = (grad_head * scale).to(head_dtype)
        return grad_hidden, grad_head, None, None


def states_at(hidden: Tensor, places: Tensor) -> Tensor:
    """The states at some positions: [P, D] of [N, D], or [S, P, D] of [S, N, D]."""
    if hidden.ndim == 2:
        return hidden.index_select(0, places)
    runs, length, width = hidden.shape
    first = torch.arange(0, runs * length, length, device=hidden.device)[:, None]
    flat = hidden.reshape(runs * length, width)
    return flat.index_select(0, (places + first).flatten()).view(runs, -1, width)


def logits_of(
    hidden: Tensor, head: Tensor, output: Output = PLAIN
) -> Iterator[tuple[slice, Tensor]]:
    """Logits fp32 [P, V] or [S, P, V], a chunk of positions at a time, each with its place."""
    hidden = _narrowed(hidden)
    matrix = _matrix(head, hidden.dtype).mT
    size = chunk(head)
    for start in range(0, hidden.shape[-2], size):
        part = slice(start, start + size)
        products = (hidden[..., part, :] @ matrix).float()
        yield part, output.logits(products[..., : head.shape[-2]])


def _nll_by_autograd(states: Tensor, head: Tensor, targets: Tensor, output: Output) -> Tensor:
    """−log p of each target [P], of a lone model whose logits are not the head's products.

    Chunks of logits are made again in the backward pass, so that they never exist whole.
    """

    def nll(states: Tensor, targets: Tensor) -> Tensor:
        states = _narrowed(states)
        logits = output.logits((states @ head.to(states.dtype).mT).float())
        return functional.cross_entropy(logits, targets, reduction="none")

    size = chunk(head)
    parts = [
        checkpoint(nll, part, own, use_reentrant=False)
        for part, own in zip(torch.split(states, size), torch.split(targets, size), strict=True)
    ]
    return torch.cat(parts)


def weighted_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    weights: Tensor,
    is_prompt: Tensor,
    places: Tensor | None = None,
    output: Output = PLAIN,
) -> LossSum:
    """Σ w·nll over a batch.

    Args:
        hidden: [N, D], the model's final states, or [S, N, D].
        head: [V, D], the output head, or [S, V, D].
        targets: int64 [N] or [S, N].
        weights: float32 [N] or [S, N], ≥ 0; positions of weight 0 are never multiplied with the
            head.
        is_prompt: bool [N] or [S, N], which targets are prompt tokens.
        places: int64 [P] or [S, P], the positions with weight, so that a GPU need not wait to
            be asked for them; a stack's are filled up with positions of weight 0. None has a lone
            model's looked for.
        output: what makes logits of the head's products; other than plain of a lone model alone.

    Returns:
        The sums; with no weighted position both are 0 and the backward pass adds nothing.
    """
    if places is None:
        places = weights.nonzero().squeeze(1)
    states = states_at(hidden, places)
    picked, wanted = weights.gather(-1, places), targets.gather(-1, places)
    if output.bias is None and not output.cap:
        total, nll = _HeadLoss.apply(states, head, wanted, picked)  # type: ignore[no-untyped-call]  # torch's
    else:
        nll = _nll_by_autograd(states, head, wanted, output)
        total = (picked * nll).sum(-1)
    prompt = (picked * nll * is_prompt.gather(-1, places)).sum(-1)
    return LossSum(total, prompt.detach())


@torch.no_grad()
def token_nll(hidden: Tensor, head: Tensor, targets: Tensor, output: Output = PLAIN) -> Tensor:
    """Negative log-likelihood of each target in nats: [N] or [S, N], whatever any mask says.

    Args:
        hidden: [N, D] or [S, N, D].
        head: [V, D] or [S, V, D].
        targets: int64 [N] or [S, N].
        output: what makes logits of their products.
    """
    size = chunk(head)
    hidden = _narrowed(hidden)
    matrix = _matrix(head, hidden.dtype).mT
    parts = []
    for states, target in zip(
        torch.split(hidden, size, -2), torch.split(targets, size, -1), strict=True
    ):
        logits = states @ matrix
        plain = output.bias is None and not output.cap
        if plain and _in_kernel(logits):
            weights = torch.ones(target.shape, device=target.device)
            parts.append(_cross_entropy(logits, target, weights, head.shape[-2], wanted=False)[0])
            continue
        logits = output.logits(logits.float()[..., : head.shape[-2]])
        nll = functional.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="none")
        parts.append(nll.view(target.shape))
    return torch.cat(parts, -1)
