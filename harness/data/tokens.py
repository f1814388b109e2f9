"""Segments to token ids, each id stamped with its role and turn as it is made. The only place that
calls BPE.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.config.models import Model, Own
from harness.config.schema import OWN_TEMPLATE
from harness.data.byte_pairs import gpt_tokenizer
from harness.data.jinja import ChatTemplate
from harness.data.prompt import Segment
from harness.records.roles import ROLE_ID


class Tokens(NamedTuple):
    """A tokenised conversation; the arrays are of equal length [time].

    Attributes:
        ids: int32, token ids.
        roles: int8, index into `harness.records.roles.ROLES`.
        turns: int16, the exchange each token belongs to, from 0; a user message and its answer
            share one.
        stated: float32, the loss weight that the data give to each token, nan where they say
            nothing; None where they say nothing of any.
    """

    ids: NDArray[np.int32]
    roles: NDArray[np.int8]
    turns: NDArray[np.int16]
    stated: NDArray[np.float32] | None = None

    def first(self, count: int) -> Tokens:
        """So many of them, from the beginning."""
        stated = None if self.stated is None else self.stated[:count]
        return Tokens(self.ids[:count], self.roles[:count], self.turns[:count], stated)


class Tokenizer(Protocol):
    """What turns texts into ids, segment by segment."""

    @property
    def end(self) -> int:
        """Id of the end-of-text token, which closes an answer where the template names none."""

    @property
    def stops(self) -> tuple[int, ...]:
        """Ids at which a response ends, `end` first."""

    @property
    def opening(self) -> tuple[int, ...]:
        """Ids that stand before a text unless the model's own template writes them."""

    @property
    def chat(self) -> ChatTemplate | None:
        """The model's own chat template; None where it has none."""

    @property
    def size(self) -> int:
        """Number of ids, special ones included."""

    @property
    def digest(self) -> str:
        """Sixteen hex digits over all that ids follow from: part of cache keys and run
        identities.
        """

    def encode(self, text: str, *, first: bool = False) -> list[int]:
        """Ids of a message's text, in which a special token written out is plain text; `first`
        where nothing stands before it.
        """

    def markup(self, text: str, *, first: bool = False) -> list[int]:
        """Ids of a template's text, in which special tokens are themselves."""

    def decode(self, ids: list[int]) -> str:
        """Text of `ids`; bytes that are not UTF-8 become U+FFFD."""


def tokenizer_of(model: Model | Own) -> Tokenizer:
    """The tokenizer of a model config.

    Raises:
        OSError: as `harness.data.byte_pairs.load_tokenizer`.
        ModelError: as `harness.data.own_tokenizer.load_own_tokenizer`.
    """
    if isinstance(model, Own):
        from harness.data.own_tokenizer import load_own_tokenizer

        return load_own_tokenizer(model.path)
    return gpt_tokenizer(model)


def tokenize(
    segments: tuple[Segment, ...], tokenizer: Tokenizer, opening: tuple[int, ...] = ()
) -> Tokens:
    """Encode segments one by one, so that no token crosses a seam and each gets its role when it is
    made.

    Args:
        segments: the conversation; an `end` without a text becomes the tokenizer's end token.
        tokenizer: encodes them.
        opening: ids to stand before them, as the template's.
    """
    ids: list[int] = [*opening]
    roles: list[int] = [ROLE_ID["template"]] * len(opening)
    turns: list[int] = [0] * len(opening)
    stated: list[float] = [math.nan] * len(opening)
    for number, segment in enumerate(segments):
        if segment.role == "end" and not segment.text:
            new = [tokenizer.end]
        elif segment.role in ("template", "end"):
            new = tokenizer.markup(segment.text, first=not number)
        else:
            new = tokenizer.encode(segment.text, first=not number)
        ids += new
        roles += [ROLE_ID[segment.role]] * len(new)
        turns += [segment.turn] * len(new)
        stated += [math.nan if segment.weight is None else segment.weight] * len(new)
    silent = all(segment.weight is None for segment in segments)
    return Tokens(
        np.array(ids, np.int32),
        np.array(roles, np.int8),
        np.array(turns, np.int16),
        None if silent else np.array(stated, np.float32),
    )


def template_of(template: str, tokenizer: Tokenizer) -> str | ChatTemplate:
    """The template that `data.template` names for texts of this tokenizer.

    Raises:
        ValueError: the model is to have one of its own and has none.
    """
    if template != OWN_TEMPLATE:
        return template
    if tokenizer.chat is None:
        raise ValueError(
            f"data.template={OWN_TEMPLATE}: the model has no chat template, expected alpaca, "
            "chatml, headers, phi3, plain, or the path of one"
        )
    return tokenizer.chat


def opening_of(template: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """What stands before a conversation: a model's own template writes that itself."""
    return () if template == OWN_TEMPLATE else tokenizer.opening
