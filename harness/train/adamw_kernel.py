"""AdamW on a parameter of every run of a stack in one pass over memory, in Triton.

A stack's update is bound by the bytes of parameters, gradients and moments: 28 a parameter here,
each read and written once, where PyTorch's separate operations would move them several times.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

BLOCK = 2048
FIGURES = 6


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _adamw(  # type: ignore[no-untyped-def]
    parameter,
    gradient,
    first,
    second,
    factors,
    figures,
    size,
    epsilon,
    DECAYED: tl.constexpr,
    BLOCK: tl.constexpr,
    FIGURES: tl.constexpr,
):
    run = tl.program_id(1).to(tl.int64)
    places = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = places < size
    at = run * size + places
    factor = tl.load(factors + run)
    rate = tl.load(figures + run * FIGURES)
    correction = tl.load(figures + run * FIGURES + 1)
    decay = tl.load(figures + run * FIGURES + 2)
    beta1 = tl.load(figures + run * FIGURES + 3)
    beta2 = tl.load(figures + run * FIGURES + 4)
    p = tl.load(parameter + at, mask=inside)
    g = tl.load(gradient + at, mask=inside).to(tl.float32) * factor
    m = tl.load(first + at, mask=inside)
    v = tl.load(second + at, mask=inside)
    m = m + (1 - beta1) * (g - m)
    v = beta2 * v + (1 - beta2) * g * g
    if DECAYED:
        p = p * decay
    p = p - rate * m / (tl.sqrt(v) * correction + epsilon)
    tl.store(parameter + at, p, mask=inside)
    tl.store(first + at, m, mask=inside)
    tl.store(second + at, v, mask=inside)


def update(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    factors: Tensor,
    figures: Tensor,
    decayed: bool,
    epsilon: float,
) -> None:
    """Update `parameter` [S, …] and its moments in place.

    Args:
        parameter: fp32, contiguous, as are the moments.
        gradient: of the same shape, contiguous.
        first: mean of gradients.
        second: mean of squared gradients.
        factors: fp32 [S], what clipping multiplies each run's gradient with.
        figures: fp32 [S, 6], from `AdamW.figures`.
        decayed: whether weight decay applies.
        epsilon: AdamW's.
    """
    runs = parameter.shape[0]
    size = parameter[0].numel()
    grid = (triton.cdiv(size, BLOCK), runs)
    _adamw[grid](
        parameter,
        gradient.contiguous(),
        first,
        second,
        factors,
        figures,
        size,
        epsilon,
        DECAYED=decayed,
        BLOCK=BLOCK,
        FIGURES=FIGURES,
    )
