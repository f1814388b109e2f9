"""QK-Clip: attention scores stay within a bound while a base is trained.

Muon lets the scores q·k/sqrt(K) of some heads grow into the thousands, where bf16 resolves 8 and
fp32 itself is the limit of two implementations that should agree. After a step, the query and key
weights of a head whose largest score is above the bound shrink by the same factor, so that the
largest score meets the bound; other heads stay as they are (Kimi Team 2025, 'Kimi K2: Open Agentic
Intelligence', arXiv 2507.20534, algorithm 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.models.gpt import GPT, Block, Layout

EVERY = 4
"""Steps between two looks: every base ended with scores within a fifth above the bound."""

WINDOWS = 8
"""Of a batch, in which the largest scores are looked for."""


@torch.no_grad()
def largest_scores(model: GPT, ids: Tensor) -> Tensor:
    """The largest |q·k|/sqrt(K) of a token and one that it attends to, over all rows.

    The size counts, not the sign as in the paper: softmax forgets what all scores of a token have
    in common, but rounding does not.

    Args:
        model: a lone one.
        ids: int64 [R, T].

    Returns:
        fp32 [layers, H].
    """
    layout = Layout(*ids.shape)
    later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
    x, found = model.embed(ids.flatten(), layout), []
    for block in model.blocks:
        found.append(_scores(block, x, layout).masked_fill_(later, 0).amax((0, 2, 3)))
        x = block(x, layout)
    return torch.stack(found)


def _scores(block: Block, x: Tensor, layout: Layout) -> Tensor:
    """|q·k|/sqrt(K), fp32 [R, H, T, T], of the residual stream [N, D] before a block."""
    heads = block.attention.heads
    qkv = block.attention.qkv(block.norm1(x)).view(layout.rows, layout.length, 3, heads, -1)
    q, k = (qkv[:, :, part].transpose(1, 2) for part in (0, 1))  # each [R, H, T, K]
    scores: Tensor = q @ k.mT
    return scores.float().abs_().div_(math.sqrt(q.shape[-1]))


@torch.no_grad()
def clip(model: GPT, largest: Tensor, bound: float) -> None:
    """Shrink the queries and keys of heads whose largest score [layers, H] is above the bound."""
    factors = (bound / largest).clamp(max=1).sqrt()  # of each of the two, as the score has both
    for block, factor in zip(model.blocks, factors, strict=True):
        for parameter in (block.attention.qkv.weight, block.attention.qkv.bias):
            parts = parameter.view(3, len(factor), -1)  # [q k v, H, K · D], the bias [3, H, K]
            parts[:2] *= factor[:, None]
