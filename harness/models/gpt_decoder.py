"""Answers of a GPT through a key-value cache, of a lone model or of a stack."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from harness.models.base import Prompts
from harness.models.gpt import GPT

Cache = list[tuple[Tensor, Tensor]]
"""Per block, keys and values [rows, H, room, K]."""


class GPTDecoder:
    """Rows under way.

    Attributes:
        states: the final state of each prompt's last token, [R, D].
        in_place: `step` is kernels alone.
    """

    in_place = True

    def __init__(self, model: GPT, prompts: Prompts) -> None:
        """Run the prompts."""
        self._model = model
        self._cache: Cache = []
        heads = model.shape.heads
        size = (len(prompts.last), heads, prompts.room, model.shape.width // heads)
        x = model.embed(prompts.ids, prompts.layout)
        for block in model.blocks:
            qkv = block.attention.qkv(block.norm1(x))
            keys, values = qkv.new_zeros(size), qkv.new_zeros(size)
            _, k, v = qkv.view(len(qkv), 3, heads, -1)[prompts.real].unbind(1)
            keys[prompts.owner, :, prompts.column] = k
            values[prompts.owner, :, prompts.column] = v
            self._cache.append((keys, values))
            mixed = block.attention.attend(qkv, prompts.layout)
            x = block.feed_forward(x + block.attention.out(mixed))
        self.states: Tensor = model.norm(x[prompts.last])

    def step(self, ids: Tensor, positions: Tensor, bound: int) -> Tensor:
        """Feed one token a row; arguments as in `harness.models.base.Decoder`."""
        model = self._model
        rows = torch.arange(len(ids), device=ids.device)
        room = self._cache[0][0].shape[2]
        seen = int(positions.max()) + 1 if ids.device.type == "cpu" else min(room, bound)
        columns = torch.arange(seen, device=ids.device)
        visible = (columns <= positions[:, None])[:, None, None]  # [rows, 1, 1, seen]
        x = model.tokens(ids) + model.positions(positions)
        for block, (keys, values) in zip(model.blocks, self._cache, strict=True):
            qkv = block.attention.qkv(block.norm1(x))
            q, k, v = qkv.view(len(ids), 3, model.shape.heads, -1).unbind(1)
            keys[rows, :, positions], values[rows, :, positions] = k, v
            mixed = functional.scaled_dot_product_attention(
                q[:, :, None], keys[:, :, :seen], values[:, :, :seen], attn_mask=visible
            )
            x = block.feed_forward(x + block.attention.out(mixed.flatten(1)))
        out: Tensor = model.norm(x)
        return out

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._cache = [(keys[rows], values[rows]) for keys, values in self._cache]
