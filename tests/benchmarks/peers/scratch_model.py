"""A GPT-2 as a text book builds it: separate projections, an explicit mask, no cache.

Written from the description of chapters 4 and 5 of LLMs-from-scratch (Raschka 2024), so that its
training loop can be timed; the output head is tied to the embedding as in everybody else's model.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """Mean 0 and variance 1 over the width, then scaled and shifted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        variance = x.var(-1, keepdim=True, unbiased=False)
        return self.scale * (x - mean) / torch.sqrt(variance + 1e-5) + self.shift


class Gelu(nn.Module):
    """GELU in its tanh form."""

    def forward(self, x: Tensor) -> Tensor:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + torch.tanh(inner))


class Attention(nn.Module):
    """Causal self-attention of several heads; the scores exist whole."""

    mask: Tensor

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        future = torch.triu(torch.ones(context, context), diagonal=1).bool()
        self.register_buffer("mask", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        split = (rows, length, self.heads, width // self.heads)
        queries = self.query(x).view(split).transpose(1, 2)
        keys = self.key(x).view(split).transpose(1, 2)
        values = self.value(x).view(split).transpose(1, 2)
        scores = queries @ keys.transpose(2, 3)
        scores = scores.masked_fill(self.mask[:length, :length], -torch.inf)
        shares = torch.softmax(scores / keys.shape[-1] ** 0.5, dim=-1)
        mixed = (shares @ values).transpose(1, 2).reshape(rows, length, width)
        out: Tensor = self.out(mixed)
        return out


class Block(nn.Module):
    """Attention and a feed-forward net, each behind a norm and a shortcut."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attention = Attention(width, heads, context)
        self.norm2 = LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), Gelu(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.feed_forward(self.norm2(x))
        return out


class ScratchGPT(nn.Module):
    """Ids, int64 [R, T], to logits [R, T, V]."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Take the sizes of a Hugging Face `config.json`."""
        super().__init__()
        width, context = config["n_embd"], config["n_positions"]
        self.tokens = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.Sequential(
            *(Block(width, config["n_head"], context) for _ in range(config["n_layer"]))
        )
        self.norm = LayerNorm(width)
        self.head = nn.Linear(width, config["vocab_size"], bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.tokens(ids) + self.positions(places)
        out: Tensor = self.head(self.norm(self.blocks(x)))
        return out


def load(folder: Path) -> ScratchGPT:
    """The model of a folder in Hugging Face's format."""
    model = ScratchGPT(json.loads((folder / "config.json").read_text("utf-8")))
    stored = load_file(folder / "model.safetensors")
    stored = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    named = {
        "tokens.weight": stored["wte.weight"],
        "head.weight": stored["wte.weight"],
        "positions.weight": stored["wpe.weight"],
        "norm.scale": stored["ln_f.weight"],
        "norm.shift": stored["ln_f.bias"],
    }
    for number in range(len(model.blocks)):
        named |= _block(stored, f"h.{number}", f"blocks.{number}")
    model.load_state_dict(named)
    return model


def _block(stored: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    """The tensors of one block; matrices are stored transposed, the three projections as one."""
    weights = stored[f"{theirs}.attn.c_attn.weight"].T.chunk(3)
    biases = stored[f"{theirs}.attn.c_attn.bias"].chunk(3)
    named = {}
    for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
        named[f"{ours}.attention.{part}.weight"] = weight
        named[f"{ours}.attention.{part}.bias"] = bias
    linear = {
        "attn.c_proj": "attention.out",
        "mlp.c_fc": "feed_forward.0",
        "mlp.c_proj": "feed_forward.2",
    }
    for their_name, our_name in linear.items():
        named[f"{ours}.{our_name}.weight"] = stored[f"{theirs}.{their_name}.weight"].T
        named[f"{ours}.{our_name}.bias"] = stored[f"{theirs}.{their_name}.bias"]
    for their_name, our_name in {"ln_1": "norm1", "ln_2": "norm2"}.items():
        named[f"{ours}.{our_name}.scale"] = stored[f"{theirs}.{their_name}.weight"]
        named[f"{ours}.{our_name}.shift"] = stored[f"{theirs}.{their_name}.bias"]
    return named
