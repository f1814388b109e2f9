"""Chat templates in Jinja, as models ship them, with every role stamped by construction.

A template writes each conversation twice: as it is, and with a placeholder in place of each text.
Whatever stands between two placeholders is the template's own, and no marker is searched for. Both
must agree, or else the template looks at the texts and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

from harness.data.example import Example
from harness.data.jinja import ChatTemplate, written

FIRST = 0xF0000
"""Placeholders are characters of a private-use plane, which no template contains."""

THOUGHTS = ("reasoning_content", "thinking")
"""Keys under which templates look for an answer's thoughts."""

PROBE = 'aB"<é'
"""Stands behind each placeholder: letters that filters write otherwise."""


class Piece(NamedTuple):
    """A stretch of a rendered conversation.

    Attributes:
        message: the number of the message whose text it is; -1 for the template's own.
        part: which of the message's texts it is: thoughts, its text, or its Alpaca input.
        text: the text; a template may leave out blanks at both ends of a message.
    """

    message: int
    part: Literal["thinking", "content", "input"]
    text: str


def pieces(example: Example, template: ChatTemplate) -> list[Piece]:
    """The conversation as a template writes it, in order.

    Thoughts of earlier answers may be left out, as models leave them out that are not to see them
    again.

    Raises:
        ValueError: the template is faulty, refuses the conversation, takes too long, looks at the
            texts, or leaves out, repeats or reorders one.
    """
    texts = _texts(example)
    marks = [chr(FIRST + place) for place in range(len(texts))]
    probes = _with(texts, [mark + PROBE for mark in marks])
    plain, marked = written(template, [_messages(example, texts), _messages(example, probes)])
    own = re.split(f"[{marks[0]}-{marks[-1]}]", marked)
    found = _marks_in(marked, marks)
    last = len(example.messages) - 1
    left_out = [piece for piece, mark in zip(texts, marks, strict=True) if mark not in found]
    if any(piece.part == "thinking" and piece.message == last for piece in left_out):
        raise ValueError(
            f"{template.name}: leaves out the thoughts of {_name(example)}; expected a template "
            "that writes reasoning_content or thinking"
        )
    left_out = [piece for piece in left_out if piece.part == "thinking"]
    expected = zip(texts, marks, strict=True)
    if found != [mark for piece, mark in expected if piece not in left_out]:
        raise ValueError(
            f"{template.name}: expected each message of {_name(example)} once and in order"
        )
    texts = [piece for piece in texts if piece not in left_out]
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


def _texts(example: Example) -> list[Piece]:
    """The texts of the messages, in the order in which templates write them."""
    texts = []
    for number, message in enumerate(example.messages):
        thoughts = [Piece(number, "thinking", message.thinking)] if message.thinking else []
        inputs = [Piece(number, "input", message.input)] if message.input else []
        texts += [*thoughts, Piece(number, "content", message.content), *inputs]
    return texts


def _messages(example: Example, texts: Sequence[Piece]) -> list[dict[str, str]]:
    """The conversation as templates take it; an Alpaca input stands below its instruction, thoughts
    have both names that templates know.
    """
    contents: dict[int, list[str]] = {}
    thoughts: dict[int, dict[str, str]] = {}
    for piece in texts:
        if piece.part == "thinking":
            thoughts[piece.message] = dict.fromkeys(THOUGHTS, piece.text)
        else:
            contents.setdefault(piece.message, []).append(piece.text)
    return [
        {"role": message.speaker, "content": "\n\n".join(contents[number])}
        | thoughts.get(number, {})
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
        text = piece.text if piece.part == "input" else piece.text.lstrip()
        followed = place + 1 < len(texts) and texts[place + 1].part == "input"
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
    return Piece(-1, "content", text)


def _difference(first: str, second: str) -> str:
    """Both texts from the first letter that differs, with a few before it."""
    letters = enumerate(zip_longest(first, second))
    place = next(number for number, (one, other) in letters if one != other)
    begin = max(0, place - 8)
    return f"{first[begin : place + 16]!r} rather than {second[begin : place + 16]!r}"


def _name(example: Example) -> str:
    return example.place or f"example {example.id}"
