"""GPT-2's architecture: pre-norm blocks, learned positions, GELU (tanh), output head tied to the
token embedding.

Shape names: rows R (sequences), length T (longest row), tokens N (all real tokens of all rows,
flat), width D, heads H, head width K = D / H, vocabulary V, runs S.

All layers but attention work on flat tokens [N, D], so that rows of unequal length cost no padding
there. A `Layout` says where each flat token sits in the padded [R, T] grid that attention needs, or
where each row starts, for an attention that needs no grid.

Several runs of one shape can train as one model, a stack: every parameter then has a leading axis
[S, …], the flat tokens lie run after run, N / S of each, and a matrix product is one batched
product (HFTA, Wang et al. 2021, arXiv 2102.02344). Nothing else mixes runs: each sees what it would
see alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.models.base import PLAIN, Decoder, Output, Prompts
from harness.models.layers import Embedding, LayerNorm, Linear

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
    """Where flat tokens sit in the [rows, length] grid, over all runs of a stack.

    Attributes:
        rows: R.
        length: T.
        slots: int64 [N], the flat grid index `row * length + column` of each token, so that its
            position in its row is `slots % length`; None where the grid is full, that is N = R * T
            in row-major order.
        starts: int32 [R + 1], the flat index at which each row starts, and N.
    """

    rows: int
    length: int
    slots: Tensor | None = None
    starts: Tensor | None = None

    def to(self, device: torch.device) -> Layout:
        """The layout on another device."""
        slots, starts = self.slots, self.starts
        return self._replace(
            slots=None if slots is None else slots.to(device, non_blocking=True),
            starts=None if starts is None else starts.to(device, non_blocking=True),
        )


def needs_no_grid(device: torch.device, precision: str) -> bool:
    """Whether attention takes flat tokens as they are, so that rows of unequal length cost no
    padding.
    """
    return device.type == "cuda" and precision == "bf16"


class Attention(nn.Module):
    """Causal multi-head self-attention within each row."""

    def __init__(self, shape: Shape, lead: tuple[int, ...]) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = Linear(shape.width, 3 * shape.width, lead)
        self.out = Linear(shape.width, shape.width, lead)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [N, D] to [N, D]; a token sees itself and the earlier tokens of its row alone."""
        mixed: Tensor = self.out(self.attend(self.qkv(x), layout))
        return mixed

    def attend(self, qkv: Tensor, layout: Layout) -> Tensor:
        """Attention proper, from projections [N, 3D] to mixed values [N, D]."""
        if layout.starts is not None and qkv.is_cuda and qkv.dtype == torch.bfloat16:
            return self._attend_flat(qkv, layout.starts, layout.length)
        rows, length, slots = layout.rows, layout.length, layout.slots
        width = qkv.shape[-1] // 3
        # Padding stands after the real tokens of its row, where the causal mask hides it from them.
        grid = qkv
        if slots is not None:
            grid = qkv.new_zeros(rows * length, 3 * width).index_copy(0, slots, qkv)
        grid = grid.view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = grid.permute(2, 0, 3, 1, 4).unbind(0)  # each [R, H, T, K]
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(rows * length, width)
        return mixed if slots is None else mixed.index_select(0, slots)

    def _attend_flat(self, qkv: Tensor, starts: Tensor, longest: int) -> Tensor:
        """As `attend`, by the GPU's attention for rows of unequal length, which needs no grid."""
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = qkv.view(len(qkv), 3, self.heads, -1).unbind(1)  # each [N, H, K]
        mixed = varlen_attn(q, k, v, starts, starts, longest, longest, window_size=(-1, 0))
        return cast("Tensor", mixed).flatten(1)


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, shape: Shape, lead: tuple[int, ...]) -> None:
        super().__init__()
        self.norm1 = LayerNorm(shape.width, lead)
        self.attention = Attention(shape, lead)
        self.norm2 = LayerNorm(shape.width, lead)
        self.up = Linear(shape.width, 4 * shape.width, lead)
        self.down = Linear(4 * shape.width, shape.width, lead)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [N, D] to [N, D]."""
        x = x + self.attention(self.norm1(x), layout)
        return self.feed_forward(x)

    def feed_forward(self, x: Tensor) -> Tensor:
        """The block's second half: [N, D] to [N, D]."""
        out: Tensor = x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return out


class GPT(nn.Module):
    """A GPT-2 language model without dropout, or a stack of them.

    Attributes:
        shape: the sizes of each.
        runs: S, how many a stack holds; 0 for a lone model, whose parameters have no leading axis.
    """

    def __init__(self, shape: Shape, runs: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.runs = runs
        lead = (runs,) if runs else ()
        self.tokens = Embedding(shape.vocabulary, shape.width, lead)
        self.positions = Embedding(shape.context, shape.width, lead)
        # ModuleList forgets the type of what it holds.
        blocks = nn.ModuleList(Block(shape, lead) for _ in range(shape.layers))
        self.blocks = cast("list[Block]", blocks)
        self.norm = LayerNorm(shape.width, lead)

    def forward(self, ids: Tensor, layout: Layout) -> Tensor:
        """Hidden states after the final norm.

        Args:
            ids: int64 [N], flat token ids; in a stack run after run, as many of each.
            layout: their places.

        Returns:
            [N, D]; multiply by `self.head` for logits.
        """
        return self.trunk(self.embed(ids, layout), layout)

    def trunk(self, x: Tensor, layout: Layout) -> Tensor:
        """Blocks and final norm, from embeddings [N, D] in the residual stream's type."""
        for block in self.blocks:
            x = block(x, layout)
        out: Tensor = self.norm(x)
        return out

    def embed(self, ids: Tensor, layout: Layout) -> Tensor:
        """Token plus position embeddings [N, D]."""
        x: Tensor = self.tokens(ids)
        if layout.slots is not None:
            x = x + self.positions(layout.slots % layout.length)
        else:  # one sum over rows in the backward pass, where a look-up would scatter
            grid = x.view(layout.rows, layout.length, -1)
            x = (grid + self.positions.weight[: layout.length]).flatten(0, 1)
        return x

    @property
    def head(self) -> Tensor:
        """The output head [V, D], or [S, V, D]: the token embedding itself."""
        return self.tokens.weight

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return self.tokens.weight.device

    @property
    def context(self) -> int:
        """The longest sequence, in tokens."""
        return self.shape.context

    @property
    def output(self) -> Output:
        """Its logits are the head's products."""
        return PLAIN

    def decoder(self, prompts: Prompts) -> Decoder:
        """Take in prompts that are to be answered."""
        from harness.models.gpt_decoder import GPTDecoder

        return GPTDecoder(self, prompts)

    def apart(self, flat: Tensor) -> Tensor:
        """Flat states [N, …] of a stack as [S, N / S, …]; those of a lone model as they are."""
        return flat.view(self.runs, -1, *flat.shape[1:]) if self.runs else flat

    def of_run(self, run: int) -> dict[str, Tensor]:
        """One run's tensors by the names that a lone model has for them; views."""
        named = {name: parameter.detach() for name, parameter in self.named_parameters()}
        return {name: tensor[run] for name, tensor in named.items()} if self.runs else named

    @torch.no_grad()
    def put(self, run: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy a lone model's tensors in as those of one run."""
        for name, place in self.of_run(run).items():
            place.copy_(tensors[name])

    def first(self, count: int) -> GPT:
        """The stack of the first `count` runs, on the same memory."""
        with torch.device("meta"):
            narrow = GPT(self.shape, count)
        for wide, part in zip(self.modules(), narrow.modules(), strict=True):
            for name, parameter in wide.named_parameters(recurse=False):
                setattr(part, name, nn.Parameter(parameter.detach()[:count]))
        return narrow

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
