"""Layers of a lone model, or of all runs of a stack: parameters then have a leading axis [S, …]."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _StackedLinear(torch.autograd.Function):
    """x·Wᵀ + b of each run, with its weights' gradient laid out as the weights are.

    Autograd's own gradient of a batched product with a transposed matrix is transposed in memory;
    to turn it around costs a stack as much as a third of its optimiser step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Take x [S, N, in], weight [S, out, in], bias [S, out]; give [S, N, out]."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        ctx.dtypes = x.dtype, weight.dtype
        x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
        ctx.save_for_backward(x, weight)
        return torch.baddbmm(bias[:, None], x, weight.mT)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias."""
        (grad,) = grads
        x, weight = ctx.saved_tensors
        x_dtype, weight_dtype = ctx.dtypes
        own = torch.bmm(grad, weight).to(x_dtype) if ctx.needs_input_grad[0] else None
        grad_weight = torch.bmm(grad.mT, x).to(weight_dtype)
        return own, grad_weight, grad.sum(1, dtype=weight_dtype)


class Linear(nn.Module):
    """A linear layer, or one of each run of a stack."""

    def __init__(self, wide: int, narrow: int, lead: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*lead, narrow, wide))
        self.bias = nn.Parameter(torch.empty(*lead, narrow))

    def forward(self, x: Tensor) -> Tensor:
        """Map flat [N, in] to [N, out]."""
        if self.weight.ndim == 2:
            return functional.linear(x, self.weight, self.bias)
        if len(self.weight) == 1:
            return functional.linear(x, self.weight[0], self.bias[0])
        apart = x.view(len(self.weight), -1, x.shape[-1])  # [S, N / S, in]
        out: Tensor = _StackedLinear.apply(apart, self.weight, self.bias)  # type: ignore[no-untyped-call]  # torch's
        return out.flatten(0, 1)


class LayerNorm(nn.Module):
    """Layer normalisation, or one of each run of a stack."""

    def __init__(self, width: int, lead: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*lead, width))
        self.bias = nn.Parameter(torch.empty(*lead, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map flat [N, D] to [N, D]."""
        width = x.shape[-1:]
        if self.weight.ndim == 1:
            return functional.layer_norm(x, width, self.weight, self.bias)
        if len(self.weight) == 1:
            return functional.layer_norm(x, width, self.weight[0], self.bias[0])
        apart = functional.layer_norm(x, width).view(len(self.weight), -1, *width)
        return torch.addcmul(self.bias[:, None], apart, self.weight[:, None]).flatten(0, 1)


class Embedding(nn.Module):
    """A table of vectors, or one of each run of a stack."""

    def __init__(self, count: int, width: int, lead: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*lead, count, width))

    def forward(self, ids: Tensor) -> Tensor:
        """Map flat ids [N] to [N, D]."""
        if self.weight.ndim == 2:
            return functional.embedding(ids, self.weight)
        runs, count, _ = self.weight.shape
        first = torch.arange(0, runs * count, count, device=ids.device)[:, None]
        return functional.embedding(
            (ids.view(runs, -1) + first).flatten(), self.weight.flatten(0, 1)
        )
