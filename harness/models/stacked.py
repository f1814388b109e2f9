"""A linear layer of every run of a stack as one batched product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class StackedLinear(torch.autograd.Function):
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
