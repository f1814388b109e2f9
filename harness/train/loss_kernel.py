"""Cross-entropy and its gradient in the logits, in one kernel a row, in Triton.

PyTorch's separate operations move a row of logits through the GPU's memory ten times in fp32; here
it is read twice and written once, in the type that it has.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 4096


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _rows(  # type: ignore[no-untyped-def]
    logits,
    targets,
    weights,
    nll,
    vocabulary,
    width,
    GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    own = logits + row * width
    target = tl.load(targets + row)
    weight = tl.load(weights + row)
    chosen = tl.load(own + target).to(tl.float32)
    peak = float("-inf")
    mass = 0.0
    for start in range(0, vocabulary, BLOCK):
        at = start + tl.arange(0, BLOCK)
        z = tl.load(own + at, mask=at < vocabulary, other=float("-inf")).to(tl.float32)
        higher = tl.maximum(peak, tl.max(z, 0))
        mass = mass * tl.exp(peak - higher) + tl.sum(tl.exp(z - higher), 0)
        peak = higher
    tl.store(nll + row, tl.log(mass) + peak - chosen)
    if GRADIENT:
        for start in range(0, vocabulary, BLOCK):
            at = start + tl.arange(0, BLOCK)
            inside = at < vocabulary
            z = tl.load(own + at, mask=inside, other=float("-inf")).to(tl.float32)
            gradient = weight * tl.exp(z - peak) / mass - tl.where(at == target, weight, 0.0)
            tl.store(own + at, gradient.to(logits.dtype.element_ty), mask=inside)


def cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, vocabulary: int, gradient: bool
) -> Tensor:
    """−log softmax(logits) at the targets, float32 of the targets' shape.

    Args:
        logits: contiguous [..., V or more]; with `gradient` they become w · (softmax − onehot).
        targets: int64 [...].
        weights: float32 [...], w.
        vocabulary: V; what stands behind it is neither read nor written.
        gradient: whether the logits are overwritten.
    """
    targets = targets.contiguous()
    nll = torch.empty(targets.shape, dtype=torch.float32, device=logits.device)
    if targets.numel():
        _rows[(targets.numel(),)](
            logits,
            targets,
            weights.contiguous(),
            nll,
            vocabulary,
            logits.shape[-1],
            GRADIENT=gradient,
            BLOCK=BLOCK,
            num_warps=8,
        )
    return nll
