"""The Muon optimizer, with equal matrices orthogonalised together.

`torch.optim.Muon` walks the matrices one by one, some 500 small kernels a step for nano, which then
waits for launches more than it computes. The arithmetic here is the same (a test compares the two);
matrices of one shape are stacked, so that a step launches a few dozen kernels whatever the depth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPSILON = 1e-7


def orthogonalize(matrices: Tensor) -> Tensor:
    """Bring all singular values of each matrix near 1 by a quintic Newton-Schulz iteration in bf16.

    Args:
        matrices: [count, rows, columns], any floating type.

    Returns:
        bf16, of the same shape; singular values lie within about [0.5, 1.5].
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for matrices (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon/).

    Nesterov momentum and decoupled weight decay. An update is scaled by 0.2·sqrt(max(rows,
    columns)), which gives it AdamW's usual root mean square (Liu et al. 2025, 'Muon is Scalable for
    LLM Training', arXiv 2502.16982, eq. 4).

    Args:
        params: matrices, or groups of them.
        lr: learning rate.
        weight_decay: fraction lr·weight_decay of each weight is taken off a step.
        momentum: of the running mean of gradients.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # torch overloads
        """One update of every matrix that has a gradient; `closure` is not supported."""
        if closure is not None:
            raise ValueError("Muon.step: takes no closure")
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if pairs:
                matrices, gradients = (list(column) for column in zip(*pairs, strict=True))
                self._update(
                    matrices, gradients, group["lr"], group["weight_decay"], group["momentum"]
                )

    def _update(
        self,
        matrices: list[Tensor],
        gradients: list[Tensor],
        lr: float,
        weight_decay: float,
        momentum: float,
    ) -> None:
        means = [self.state[p].setdefault("mean", torch.zeros_like(p)) for p in matrices]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        updates = torch._foreach_lerp(gradients, means, momentum)
        torch._foreach_mul_(matrices, 1 - lr * weight_decay)
        alike: dict[torch.Size, list[int]] = {}
        for number, matrix in enumerate(matrices):
            alike.setdefault(matrix.shape, []).append(number)
        for (rows, columns), numbers in alike.items():
            whole = orthogonalize(torch.stack([updates[number] for number in numbers]))
            rate = 0.2 * math.sqrt(max(rows, columns)) * lr
            torch._foreach_add_(
                [matrices[number] for number in numbers], whole.float().unbind(0), alpha=-rate
            )
