"""Chat templates in Jinja, as models ship them, with every role stamped by construction.

A template writes each conversation twice: as it is, and with a placeholder in place of each text.
Whatever stands between two placeholders is the template's own, and no marker is searched for. Both
must agree, or else the template looks at the texts and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from harness.data.example import Example
from harness.data.jinja import ChatTemplate, written

FIRST = 0xF0000
"""Placeholders are characters of a private-use plane, which no template contains."""

PROBE = 'aB"<é'
"""Stands behind each placeholder: letters that filters write otherwise."""


class Piece(NamedTuple):
    """A stretch of a rendered conversation.

    Attributes:
        message: the number of the message whose text it is; -1 for the template's own.
        is_input: whether it is the message's Alpaca input.
        text: the text; a template may leave out blanks at both ends of a message.
    """

    message: int
    is_input: bool
    text: str


def pieces(example: Example, template: ChatTemplate) -> list[Piece]:
    """The conversation as a template writes it, in order.

    Raises:
        ValueError: the template is faulty, refuses the conversation, takes too long, looks at the
            texts, or leaves out, repeats or reorders one.
    """
    texts = [
        Piece(number, is_input, text)
        for number, message in enumerate(example.messages)
        for is_input, text in ((False, message.content), (True, message.input))
        if text or not is_input
    ]
    marks = [chr(FIRST + place) for place in range(len(texts))]
    probes = _with(texts, [mark + PROBE for mark in marks])
    plain, marked = written(template, [_messages(example, texts), _messages(example, probes)])
    own = re.split(f"[{marks[0]}-{marks[-1]}]", marked)
    if _marks_in(marked, marks) != marks:
        raise ValueError(
            f"{template.name}: expected each message of {_name(example)} once and in order"
        )
    for after in own[1:]:
        if not after.startswith(PROBE):
            raise ValueError(
                f"{template.name}: writes {after[: len(PROBE)]!r} for a text of {PROBE!r}; "
                "expected a template that writes each text as it is"
            )
    own[1:] = [after.removeprefix(PROBE) for after in own[1:]]
    for candidate in (texts, _trimmed(texts)):
        if _joined(own, candidate) == plain:
            return _woven(own, candidate)
    raise ValueError(
        f"{template.name}: looks at the texts, for {_name(example)} is written "
        f"{_difference(plain, _joined(own, texts))}; expected a template that writes each text as "
        "it is"
    )


def _messages(example: Example, texts: Sequence[Piece]) -> list[dict[str, str]]:
    """The conversation as templates take it; an Alpaca input stands below its instruction."""
    contents: dict[int, list[str]] = {}
    for piece in texts:
        contents.setdefault(piece.message, []).append(piece.text)
    return [
        {"role": message.speaker, "content": "\n\n".join(contents[number])}
        for number, message in enumerate(example.messages)
    ]


def _with(texts: Sequence[Piece], others: Sequence[str]) -> list[Piece]:
    return [piece._replace(text=other) for piece, other in zip(texts, others, strict=True)]


def _marks_in(marked: str, marks: Sequence[str]) -> list[str]:
    return re.findall(f"[{marks[0]}-{marks[-1]}]", marked)


def _trimmed(texts: Sequence[Piece]) -> list[Piece]:
    """The texts without the blanks at both ends of each message."""
    trimmed = []
    for place, piece in enumerate(texts):
        text = piece.text if piece.is_input else piece.text.lstrip()
        followed = place + 1 < len(texts) and texts[place + 1].is_input
        trimmed.append(piece._replace(text=text if followed else text.rstrip()))
    return trimmed


def _joined(own: Sequence[str], texts: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in _woven(own, texts))


def _woven(own: Sequence[str], texts: Sequence[Piece]) -> list[Piece]:
    """The template's own stretches with the texts between them."""
    found = [_own(own[0])]
    for piece, between in zip(texts, own[1:], strict=True):
        found += [piece, _own(between)]
    return found


def _own(text: str) -> Piece:
    return Piece(-1, is_input=False, text=text)


def _difference(first: str, second: str) -> str:
    """Both texts from the first letter that differs, with a few before it."""
    letters = enumerate(zip_longest(first, second))
    place = next(number for number, (one, other) in letters if one != other)
    begin = max(0, place - 8)
    return f"{first[begin : place + 16]!r} rather than {second[begin : place + 16]!r}"


def _name(example: Example) -> str:
    return example.place or f"example {example.id}"
