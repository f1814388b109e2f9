"""An example in tokens, cut to the model's context or refused: the costly part of a preparation,
done once.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.config.schema import Run
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.prompt import closing_mark, prompt_of, render
from harness.data.specials import written
from harness.data.tokens import (
    Tokenizer,
    Tokens,
    opening_of,
    template_of,
    tokenize,
    tokenizer_of,
)
from harness.records.roles import ROLES


@dataclass(frozen=True, eq=False)
class Encoded:
    """An example and its tokens, cut to the model's context.

    Attributes:
        example: the source's.
        tokens: all of it.
        prompt: number of leading tokens that a model sees before its last answer.
        truncated: whether tokens were cut off.
        mark: what closes the thoughts before its last answer; "" where there are none.
        words: role -> words of its texts, parted by blanks, before anything is cut.
    """

    example: Example
    tokens: Tokens
    prompt: int
    truncated: bool
    mark: str = ""
    words: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def content(self) -> bytes:
        """Its id and tokens, for digests."""
        return self.example.id.encode() + self.tokens.ids.tobytes() + self.tokens.roles.tobytes()

    @cached_property
    def writes_specials(self) -> bool:
        """Whether a special token is written out in its texts."""
        return bool(written(self.example))


def digest(items: Sequence[Encoded]) -> str:
    """Sixteen hex digits over the examples' ids and tokens, in order."""
    return hashlib.sha256(b"".join(item.content for item in items)).hexdigest()[:16]


def fitting(examples: Sequence[Example], run: Run) -> list[Encoded]:
    """The examples encoded, those above the context treated as `data.too_long` says."""
    data, tokenizer = run.data, tokenizer_of(run.model)
    items = encode_all(examples, data.template, tokenizer, run.model.context)
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
    (whole,) = encode_all(long[:1], run.data.template, tokenizer, sys.maxsize)
    length = len(whole.tokens.ids)
    name = long[0].place or f"example {long[0].id}"
    raise DataError(
        f"{name}: {length:,} tokens, model.context={run.model.context} holds fewer, and "
        f"{len(long):,} of {len(items):,} examples are too long; expected a larger context, or "
        "data.too_long=truncate or drop"
    )


_encoded: dict[tuple[str, str, int], dict[str, Encoded]] = {}
"""Tokens are the costly part of a warm worker's preparation: template, tokenizer and length -> id
of an example -> the example.
"""


def encode_all(
    examples: Iterable[Example], template: str, tokenizer: Tokenizer, context: int
) -> list[Encoded]:
    """Examples in tokens, cut to the context; the same one is tokenised once.

    Raises:
        ValueError, OSError: as `prompt.render`.
    """
    known = _encoded.setdefault((template, tokenizer.digest, context), {})
    items = []
    for example in examples:
        item = known.get(example.id)
        if item is None:
            item = known[example.id] = _encode(example, template, tokenizer, context)
        elif item.example is not example:  # of the same content, as the id says
            item = replace(item, example=example)
        items.append(item)
    return items


def _encode(example: Example, template: str, tokenizer: Tokenizer, context: int) -> Encoded:
    segments = render(example, template_of(template, tokenizer))
    opening = opening_of(template, tokenizer)
    tokens = tokenize(segments, tokenizer, opening)
    prompt = len(tokenize(prompt_of(segments), tokenizer, opening).ids)
    truncated = len(tokens.ids) > context
    if truncated:
        # The end token goes with the rest: a cut answer must not teach the model to stop there.
        tokens = tokens.first(context)
    words: Counter[str] = Counter()
    for segment in segments:
        words[segment.role] += len(segment.text.split())
    return Encoded(example, tokens, prompt, truncated, closing_mark(segments), words)


def bytes_by_role(items: Sequence[Encoded], tokenizer: Tokenizer) -> dict[str, int]:
    """Bytes in UTF-8 of the texts of each role that occurs, as far as they were not cut off."""
    counts: dict[str, int] = {}
    for item in items:
        for number, role in enumerate(ROLES):
            ids = item.tokens.ids[item.tokens.roles == number].tolist()
            if ids:
                counts[role] = counts.get(role, 0) + len(tokenizer.decode(ids).encode())
    return counts
