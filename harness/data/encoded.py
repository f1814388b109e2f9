"""An example in tokens, cut to the model's context or refused: the costly part of a preparation,
done once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from harness.config.schema import Run
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.prompt import prompt_of, render
from harness.data.tokens import (
    Tokenizer,
    Tokens,
    opening_of,
    template_of,
    tokenize,
    tokenizer_of,
)
from harness.records.roles import ROLES


class Encoded(NamedTuple):
    """An example and its tokens, cut to the model's context.

    Attributes:
        example: the source's.
        tokens: all of it.
        prompt: number of leading tokens that a model sees before its last answer.
        truncated: whether tokens were cut off.
    """

    example: Example
    tokens: Tokens
    prompt: int
    truncated: bool


def fitting(examples: Sequence[Example], run: Run) -> list[Encoded]:
    """The examples encoded, those above the context treated as `data.too_long` says."""
    data, tokenizer = run.data, tokenizer_of(run.model)
    items = [encode(example, data.template, tokenizer, run.model.context) for example in examples]
    if data.too_long == "error":
        _refuse_long(items, run, tokenizer)
    elif data.too_long == "drop":
        items = [item for item in items if not item.truncated]
    return items


def _refuse_long(items: Sequence[Encoded], run: Run, tokenizer: Tokenizer) -> None:
    """Raise DataError where examples are longer than the context: the first, and how many."""
    long = [item.example for item in items if item.truncated]
    if not long:
        return
    length = len(encode(long[0], run.data.template, tokenizer, sys.maxsize).tokens.ids)
    name = long[0].place or f"example {long[0].id}"
    raise DataError(
        f"{name}: {length:,} tokens, model.context={run.model.context} holds fewer, and "
        f"{len(long):,} of {len(items):,} examples are too long; expected a larger context, or "
        "data.too_long=truncate or drop"
    )


_encoded: dict[tuple[str, str, str, int], tuple[Tokens, int, bool]] = {}
"""Tokens are the costly part of a warm worker's preparation; the key is text, template, tokenizer
and length.
"""


def encode(example: Example, template: str, tokenizer: Tokenizer, context: int) -> Encoded:
    """An example in tokens, cut to the context; the same one is tokenised once.

    Raises:
        ValueError, OSError: as `prompt.render`.
    """
    key = (example.id, template, tokenizer.digest, context)
    if key not in _encoded:
        segments = render(example, template_of(template, tokenizer))
        opening = opening_of(template, tokenizer)
        tokens = tokenize(segments, tokenizer, opening)
        prompt = len(tokenize(prompt_of(segments), tokenizer, opening).ids)
        truncated = len(tokens.ids) > context
        if truncated:
            # The end token goes with the rest: a cut answer must not teach the model to stop there.
            tokens = tokens.first(context)
        _encoded[key] = (tokens, prompt, truncated)
    return Encoded(example, *_encoded[key])


def bytes_by_role(items: Sequence[Encoded], tokenizer: Tokenizer) -> dict[str, int]:
    """Bytes in UTF-8 of the texts of each role that occurs, as far as they were not cut off."""
    counts: dict[str, int] = {}
    for item in items:
        for number, role in enumerate(ROLES):
            ids = item.tokens.ids[item.tokens.roles == number].tolist()
            if ids:
                counts[role] = counts.get(role, 0) + len(tokenizer.decode(ids).encode())
    return counts
