"""QK-Clip against attention written out, and what it leaves alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from harness.bases.qk_clip import clip, largest_scores
from harness.models.gpt import GPT, Layout, Shape

SHAPE = Shape(layers=2, width=16, heads=2, vocabulary=50, context=12)
IDS = torch.arange(36).view(3, 12) % 50


def model() -> GPT:
    made = GPT(SHAPE)
    made.initialise(0)
    with torch.no_grad():
        for block in made.blocks:  # queries and keys of the first head far larger than the second's
            block.attention.qkv.weight.view(3, 2, -1)[:2, 0] *= 60
            block.attention.qkv.bias.view(3, 2, -1)[:2] += 0.3
    return made


@torch.no_grad()
def written_out(made: GPT) -> list[list[float]]:
    """The largest score of each head, a row and a token at a time."""
    x = made.embed(IDS.flatten(), Layout(3, 12))
    found = []
    for block in made.blocks:
        normed = functional.layer_norm(x, (16,), block.norm1.weight, block.norm1.bias)
        qkv = functional.linear(normed, block.attention.qkv.weight, block.attention.qkv.bias)
        q, k, _ = qkv.view(3, 12, 3, 2, 8).unbind(2)
        found.append(
            [
                max(
                    abs(float(q[row, i, head] @ k[row, j, head])) / math.sqrt(8)
                    for row in range(3) for i in range(12) for j in range(i + 1)
                )
                for head in range(2)
            ]
        )  # fmt: skip
        x = block(x, Layout(3, 12))
    return found


def test_the_largest_scores_are_those_of_attention_written_out() -> None:
    assert largest_scores(model(), IDS).tolist() == [
        pytest.approx(row, rel=1e-5) for row in written_out(model())
    ]


def test_heads_above_the_bound_come_to_it_and_nothing_else_changes() -> None:
    made, before = model(), model()
    largest = largest_scores(made, IDS)
    bound = 0.5 * float(largest[0, 0])
    assert float(largest[0, 1]) < bound < float(largest[0, 0])
    clip(made, largest, bound)
    assert float(largest_scores(made, IDS)[0, 0]) == pytest.approx(bound, rel=1e-5)
    for (name, new), old in zip(made.named_parameters(), before.parameters(), strict=True):
        if "qkv" not in name:
            assert torch.equal(new, old)
            continue
        ours, theirs = new.view(3, 2, -1), old.view(3, 2, -1)
        assert torch.equal(ours[2], theirs[2]) and torch.equal(ours[:, 1], theirs[:, 1])
    shrunk = made.blocks[0].attention.qkv.bias / before.blocks[0].attention.qkv.bias
    assert shrunk.view(3, 2, 8)[:2, 0].flatten().tolist() == pytest.approx(
        [math.sqrt(0.5)] * 16, rel=1e-5
    )
