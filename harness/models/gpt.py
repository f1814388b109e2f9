"""GPT-2's architecture: pre-norm blocks, learned positions, GELU (tanh), output head tied to the
token embedding.

Shape names: rows R (sequences), length T (longest row), tokens N (all real tokens of all rows,
flat), width D, heads H, head width K = D / H, vocabulary V.

All layers but attention work on flat tokens [N, D], so that rows of unequal length cost no padding
there. A `Layout` says where each flat token sits in the padded [R, T] grid that attention needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

INIT_STD = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The sizes of a GPT.

    Attributes:
        layers: number of transformer blocks.
        width: D, the embedding width.
        heads: H, attention heads; divides the width.
        vocabulary: V, number of token ids.
        context: the longest sequence, in tokens.
    """

    layers: int
    width: int
    heads: int
    vocabulary: int
    context: int

    @property
    def parameters(self) -> int:
        """Number of trained parameters; the tied head counts once."""
        block = 12 * self.width**2 + 13 * self.width
        return (self.vocabulary + self.context) * self.width + self.layers * block + 2 * self.width

    @property
    def flops(self) -> int:
        """Floating-point operations of training on one token, forward and backward, at full
        context.

        6·N + 12·layers·width·context, with N the parameters but for positions (Chowdhery et al.
        2022, 'PaLM', appendix B); attention counts as if nothing were masked, as is usual for model
        FLOPs utilisation.
        """
        matrices = self.parameters - self.context * self.width
        return 6 * matrices + 12 * self.layers * self.width * self.context


class Layout(NamedTuple):
    """Where flat tokens sit in the [rows, length] grid.

    Attributes:
        rows: R.
        length: T.
        slots: int64 [N], the flat grid index `row * length + column` of each token, so that its
            position in its row is `slots % length`; None where the grid is full, that is N = R * T
            in row-major order.
    """

    rows: int
    length: int
    slots: Tensor | None = None


class Attention(nn.Module):
    """Causal multi-head self-attention within each row."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [N, D] to [N, D]; a token sees itself and the earlier tokens of its row alone."""
        mixed: Tensor = self.out(self.attend(self.qkv(x), layout))
        return mixed

    def attend(self, qkv: Tensor, layout: Layout) -> Tensor:
        """Attention proper, from projections [N, 3D] to mixed values [N, D]."""
        rows, length, slots = layout
        width = qkv.shape[-1] // 3
        # Padding stands after the real tokens of its row, where the causal mask hides it from all
        # of them.
        grid = (
            qkv
            if slots is None
            else qkv.new_zeros(rows * length, 3 * width).index_copy(0, slots, qkv)
        )
        grid = grid.view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = grid.permute(2, 0, 3, 1, 4).unbind(0)  # each [R, H, T, K]
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(rows * length, width)
        return mixed if slots is None else mixed.index_select(0, slots)


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.norm2 = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, 4 * shape.width)
        self.down = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [N, D] to [N, D]."""
        x = x + self.attention(self.norm1(x), layout)
        return self.feed_forward(x)

    def feed_forward(self, x: Tensor) -> Tensor:
        """The block's second half: [N, D] to [N, D]."""
        out: Tensor = x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return out


class GPT(nn.Module):
    """A GPT-2 language model without dropout."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        # ModuleList forgets the type of what it holds.
        self.blocks = cast("list[Block]", nn.ModuleList(Block(shape) for _ in range(shape.layers)))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, ids: Tensor, layout: Layout) -> Tensor:
        """Hidden states after the final norm.

        Args:
            ids: int64 [N], flat token ids.
            layout: their places.

        Returns:
            [N, D]; multiply by `self.tokens.weight.T` for logits [N, V].
        """
        return self.trunk(self.embed(ids, layout), layout)

    def trunk(self, x: Tensor, layout: Layout) -> Tensor:
        """Blocks and final norm, from embeddings [N, D]; their type is that of the residual
        stream.
        """
        for block in self.blocks:
            x = block(x, layout)
        out: Tensor = self.norm(x)
        return out

    def embed(self, ids: Tensor, layout: Layout) -> Tensor:
        """Token plus position embeddings [N, D]."""
        x: Tensor = self.tokens(ids)
        if (
            layout.slots is None
        ):  # one sum over rows in the backward pass, where a look-up would scatter
            x = (
                x.view(layout.rows, layout.length, -1) + self.positions.weight[: layout.length]
            ).flatten(0, 1)
        else:
            x = x + self.positions(layout.slots % layout.length)
        return x

    @property
    def head(self) -> Tensor:
        """The output head [V, D]: the token embedding itself."""
        return self.tokens.weight

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw GPT-2's initial weights: N(0, .02), residual projections by 1/sqrt(2·layers) less,
        biases 0.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            else:
                residual = name.endswith(("attention.out.weight", "down.weight"))
                std = INIT_STD / math.sqrt(2 * self.shape.layers) if residual else INIT_STD
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
