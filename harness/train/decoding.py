"""Decoding of many prompts at once with a key-value cache: greedy, or drawn from the model's
distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from harness.data.rows import Row, split
from harness.models import device
from harness.models.base import Decoder, LanguageModel, Prompts
from harness.train.batch import batch_of, lay, stack
from harness.train.replay import Replays

GPU_LOOK_EVERY = 8
"""Tokens between two looks at which rows have ended; each makes the host wait for the GPU."""

GPU_ROWS = 4096
"""Rows up to which it is the host that decoding on a GPU waits for."""

GPU_SEEN = 64
"""Cached tokens that attention on a GPU sees are a multiple of so many, to record few graphs."""

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


def one_end(choose: Choose, stops: Sequence[int], where: torch.device) -> Choose:
    """As `choose`, with the first of several ids that end a response in place of each."""
    if len(stops) == 1:
        return choose
    ends = torch.tensor(stops, device=where)

    def chosen(logits: Tensor) -> Tensor:
        ids = choose(logits)
        return ids.masked_fill(torch.isin(ids, ends), stops[0])

    return chosen


@torch.no_grad()
def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    end: int,
    limit: int,
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None] = lambda: None,
    choose: Choose = greedy,
) -> list[list[int]]:
    """As `generate_all`, of a lone model."""
    return generate_all(model, [prompts], end, limit, batch_tokens, precision, advance, choose)[0]


@torch.no_grad()
def generate_all(
    model: LanguageModel,
    prompts: Sequence[Sequence[Sequence[int]]],
    end: int,
    limit: int,
    batch_tokens: int,
    precision: str,
    advance: Callable[[], None] = lambda: None,
    choose: Choose = greedy,
) -> list[list[list[int]]]:
    """Tokens one by one, until `end`.

    Args:
        model: the model, on its device; a stack has a run for each entry of `prompts`.
        prompts: of each run, the token ids of each prompt, at least one each.
        end: the id that ends a response; it is not returned.
        limit: most tokens of a response. A response also stops where the context is full.
        batch_tokens: most tokens of a run in the cache at once.
        precision: "fp32" or "bf16".
        advance: called after each batch.
        choose: picks the next token.

    Returns:
        Of each run the response ids of each prompt, in the order of the prompts.
    """
    responses: list[list[list[int]]] = [[[] for _ in own] for own in prompts]
    cuts = [split([len(prompt) + limit for prompt in own], batch_tokens) for own in prompts]
    for place in range(max(map(len, cuts))):
        numbers = [parts[place] if place < len(parts) else [] for parts in cuts]
        asked = [
            [own[number] for number in part] for own, part in zip(prompts, numbers, strict=True)
        ]
        with device.precision(precision, model.device):
            decoded = _decode(model, asked, end, limit, choose)
        for run, part in enumerate(numbers):
            for number, response in zip(part, decoded[run], strict=True):
                responses[run][number] = response
        advance()
    return responses


def _decode(
    model: LanguageModel,
    asked: Sequence[Sequence[Sequence[int]]],
    end: int,
    limit: int,
    choose: Choose,
) -> list[list[list[int]]]:
    """Decode one batch of prompts together; rows that have ended leave the batch.

    A stack's runs keep equal numbers of rows: where one has fewer, ended rows stay as filler.
    """
    where = model.device
    per_run = max(map(len, asked))
    flat = [prompt for own in asked for prompt in [*own, *[[end]] * (per_run - len(own))]]
    real = [place < len(own) for own in asked for place in range(per_run)]
    longest = max(map(len, flat))
    room = min(longest + limit, model.context)
    lengths = torch.tensor([len(prompt) for prompt in flat], device=where)
    decoder = model.decoder(_prompts(model, flat, room))
    chosen = choose(_logits(model, decoder.states))
    written = torch.full((len(flat), limit), end, device=where)
    rows = torch.arange(len(flat), device=where)
    ended = ~torch.tensor(real, device=where)
    look_every = 1 if where.type == "cpu" else GPU_LOOK_EVERY
    following = _Following(model, decoder, len(rows), choose)
    for step in range(limit):
        chosen = chosen.masked_fill(ended, end)
        written[rows, step] = chosen
        ended = ended | (chosen == end) | (lengths >= room)
        if step + 1 == limit:
            break
        if (step + 1) % look_every == 0:  # the host waits for the device here alone
            kept = _kept(ended.view(len(asked), -1))
            if kept is None:
                break
            if len(kept) < following.worth_keeping * len(rows):
                rows, chosen, lengths, ended = (
                    tensor[kept] for tensor in (rows, chosen, lengths, ended)
                )
                decoder.keep(kept)
                following = _Following(model, decoder, len(rows), choose)
        chosen = following(chosen, lengths.clamp(max=room - 1), longest + step + 1)
        lengths = lengths + 1
    ids = written.view(len(asked), per_run, limit).tolist()
    return [
        [_until(row, end) for row in own[: len(prompts)]]
        for own, prompts in zip(ids, asked, strict=True)
    ]


def _logits(model: LanguageModel, hidden: Tensor) -> Tensor:
    """From states [rows, D] to float32 [rows, V]."""
    logits: Tensor = model.apart(hidden) @ model.head.to(hidden.dtype).mT
    return model.output.logits(logits.float()).flatten(0, -2)


class _Following:
    """The next token of every row, again and again; on a GPU launched as one where it is greedy."""

    def __init__(self, model: LanguageModel, decoder: Decoder, rows: int, choose: Choose) -> None:
        # What holds graphs and cache is in no circle, so that both go with it.
        self._work = partial(_next, model, decoder, choose)
        small = decoder.in_place and rows <= GPU_ROWS
        as_one = choose is greedy and model.device.type == "cuda" and small
        self._replays = Replays(self._work) if as_one else None
        # What is launched as one is recorded anew for fewer rows, which has to pay.
        self.worth_keeping = 0.5 if as_one else 1.0

    def __call__(self, ids: Tensor, positions: Tensor, bound: int) -> Tensor:
        """As `Decoder.step`, from the last tokens of the rows to the next ones."""
        if self._replays is None:
            return self._work([ids, positions], bound)
        bound = -(-bound // GPU_SEEN) * GPU_SEEN
        try:
            return self._replays([ids, positions], bound)
        except torch.AcceleratorError:  # the same, launched kernel by kernel
            self._replays = None
            return self._work([ids, positions], bound)


def _next(
    model: LanguageModel, decoder: Decoder, choose: Choose, inputs: Sequence[Tensor], bound: int
) -> Tensor:
    """Arguments as in `Decoder.step`: ids and positions, int64 [rows] each, and the bound."""
    ids, positions = inputs
    return choose(_logits(model, decoder.step(ids, positions, bound)))


def _until(row: list[int], end: int) -> list[int]:
    return row[: row.index(end)] if end in row else row


def _kept(ended: Tensor) -> Tensor | None:
    """Which rows stay in the batch, int64: of each run as many as the busiest has left.

    Args:
        ended: bool [S, R].

    Returns:
        Flat row numbers, the order kept; None where all have ended.
    """
    most = int((~ended).sum(1).max())
    if not most:
        return None
    first = torch.arange(0, ended.numel(), ended.shape[1], device=ended.device)[:, None]
    order: Tensor = ended.byte().argsort(dim=1, stable=True)[
        :, :most
    ]  # those that go on stand first
    kept: Tensor = (order.sort(1).values + first).flatten()
    return kept


def _prompts(model: LanguageModel, asked: Sequence[Sequence[int]], room: int) -> Prompts:
    """Lay prompts out flat.

    Args:
        model: a lone model or a stack.
        asked: the prompts of every row, run after run, as many of each run.
        room: tokens that a row can grow to.
    """
    where = model.device
    runs = model.runs or 1
    per_run = len(asked) // runs
    flats = []
    for run in range(runs):
        own = [np.array(prompt, np.int32) for prompt in asked[run * per_run : (run + 1) * per_run]]
        flats.append(
            lay([Row(ids, ids, ids.astype(np.int8), ids.astype(np.float32)) for ids in own])
        )
    batch = stack(flats, 0) if model.runs else batch_of(flats[0])
    filled = batch.row.view(runs, -1)
    is_real = (filled < per_run).flatten()
    places = is_real.nonzero().squeeze(1)
    owner = (filled + torch.arange(runs)[:, None] * per_run).flatten()[places]
    column = torch.cat([torch.arange(len(prompt)) for prompt in asked])
    ends = torch.tensor([len(prompt) for prompt in asked]).cumsum(0) - 1
    last = places[ends].to(where)
    batch = batch.to(where)
    places, owner, column = (tensor.to(where) for tensor in (places, owner, column))
    return Prompts(batch.inputs.flatten(), batch.layout, places, owner, column, last, room)
