"""Decoding of many prompts at once with a key-value cache: greedy, or drawn from the model's
distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from harness.data.rows import split
from harness.models import device
from harness.models.gpt import GPT, Layout

Choose = Callable[[Tensor], Tensor]
"""From logits, float32 [rows, V], to ids, int64 [rows]."""


def greedy(logits: Tensor) -> Tensor:
    """The most probable token of each row."""
    return logits.argmax(1)


def sampler(temperature: float, top_p: float, seed: int, device: torch.device) -> Choose:
    """Draw tokens by nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751).

    Args:
        temperature: divides the logits; 0 is `greedy`.
        top_p: tokens are drawn from the least set, the most probable first, whose probabilities
            reach this share.
        seed: of the draws.
        device: where the logits are.
    """
    if temperature == 0:
        return greedy
    generator = torch.Generator(device).manual_seed(seed)

    def draw(logits: Tensor) -> Tensor:
        shares, ids = (logits / temperature).softmax(1).sort(1, descending=True)
        shares[shares.cumsum(1) - shares >= top_p] = 0.0
        shares[:, 0] = shares[:, 0].clamp(
            min=torch.finfo(shares.dtype).tiny
        )  # the first stays, even for top_p=0
        return ids.gather(1, torch.multinomial(shares, 1, generator=generator)).squeeze(1)

    return draw


@torch.no_grad()
def generate(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    end: int,
    limit: int,
    batch_tokens: int,
    precision: str,
    advance: Callable[[int], None] = lambda _: None,
    choose: Choose = greedy,
) -> list[list[int]]:
    """Tokens one by one, until `end`.

    Args:
        model: the model, on its device.
        prompts: token ids of each prompt, at least one each.
        end: the id that ends a response; it is not returned.
        limit: most tokens of a response. A response also stops where the context is full.
        batch_tokens: most tokens in the cache at once.
        precision: "fp32" or "bf16".
        advance: told the number of prompts done, after each batch.
        choose: picks the next token.

    Returns:
        The response ids of each prompt, in the order of the prompts.
    """
    responses: list[list[int]] = [[] for _ in prompts]
    for numbers in split([len(prompt) + limit for prompt in prompts], batch_tokens):
        with device.precision(precision, model.head.device):
            found = _decode(model, [prompts[number] for number in numbers], end, limit, choose)
        for number, response in zip(numbers, found, strict=True):
            responses[number] = response
        advance(len(numbers))
    return responses


def _decode(
    model: GPT, prompts: Sequence[Sequence[int]], end: int, limit: int, choose: Choose
) -> list[list[int]]:
    """Decode one batch of prompts together; finished rows leave the batch."""
    where = model.head.device
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=where)
    room = min(int(lengths.max()) + limit, model.shape.context)
    hidden, cache = _prefill(model, prompts, room)
    responses: list[list[int]] = [[] for _ in prompts]
    alive = torch.arange(len(prompts), device=where)
    while len(alive):
        logits = functional.linear(hidden, model.head)
        chosen = choose(logits.float())
        for row, token in zip(alive.tolist(), chosen.tolist(), strict=True):
            if token != end:
                responses[row].append(token)
        full = torch.tensor([len(responses[row]) >= limit for row in alive.tolist()], device=where)
        going = (chosen != end) & ~full & (lengths < room)
        if not going.all():
            kept = going.nonzero().squeeze(1)
            alive, chosen, lengths = alive[kept], chosen[kept], lengths[kept]
            cache = [(keys[kept], values[kept]) for keys, values in cache]
        if len(alive):
            hidden = _step(model, chosen, lengths, cache)
            lengths = lengths + 1
    return responses


Cache = list[tuple[Tensor, Tensor]]
"""Per block, keys and values [R, H, room, K]."""


def _prefill(model: GPT, prompts: Sequence[Sequence[int]], room: int) -> tuple[Tensor, Cache]:
    """Run the prompts; return the last state of each row [R, D] and the cache."""
    where = model.head.device
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([token for prompt in prompts for token in prompt], device=where)
    places = [
        row * longest + column
        for row, prompt in enumerate(prompts)
        for column in range(len(prompt))
    ]
    slots = torch.tensor(places, device=where)
    layout = Layout(len(prompts), longest, slots)
    heads = model.shape.heads
    size = (len(prompts), heads, room, model.shape.width // heads)
    cache: Cache = []
    x = model.embed(ids, layout)
    for block in model.blocks:
        qkv = block.attention.qkv(block.norm1(x))
        keys, values = qkv.new_zeros(size), qkv.new_zeros(size)
        row, column = slots // longest, slots % longest
        _, k, v = qkv.view(len(ids), 3, heads, -1).unbind(1)
        keys[row, :, column], values[row, :, column] = k, v
        cache.append((keys, values))
        x = block.feed_forward(x + block.attention.out(block.attention.attend(qkv, layout)))
    ends = torch.tensor([len(prompt) for prompt in prompts], device=where).cumsum(0) - 1
    return model.norm(x[ends]), cache


def _step(model: GPT, ids: Tensor, positions: Tensor, cache: Cache) -> Tensor:
    """Feed one token a row, int64 [R], at its position; extend the cache; return states [R, D]."""
    rows = torch.arange(len(ids), device=ids.device)
    seen = int(positions.max()) + 1
    visible = (torch.arange(seen, device=ids.device) <= positions[:, None])[
        :, None, None
    ]  # [R, 1, 1, seen]
    x = model.tokens(ids) + model.positions(positions)
    for block, (keys, values) in zip(model.blocks, cache, strict=True):
        q, k, v = (
            block.attention.qkv(block.norm1(x)).view(len(ids), 3, model.shape.heads, -1).unbind(1)
        )
        keys[rows, :, positions], values[rows, :, positions] = k, v
        mixed = functional.scaled_dot_product_attention(
            q[:, :, None], keys[:, :, :seen], values[:, :, :seen], attn_mask=visible
        )
        x = block.feed_forward(x + block.attention.out(mixed.flatten(1)))
    out: Tensor = model.norm(x)
    return out
