"""Chat templates in Jinja, as models ship them, with every role stamped by construction.

A template is rendered once per conversation with a placeholder in place of each text, so it never
sees what people
wrote: whatever stands between two placeholders is the template's own, and no marker is searched
for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Template as Jinja
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.data.example import Example

FIRST = 0xF0000
"""Placeholders are characters of a private-use plane, which no template contains."""


class Piece(NamedTuple):
    """A stretch of a rendered conversation.

    Attributes:
        message: the number of the message whose text it is; -1 for the template's own.
        is_input: whether it is the message's Alpaca input.
        text: the text.
    """

    message: int
    is_input: bool
    text: str


@lru_cache(maxsize=16)
def _load(path: str) -> Jinja:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _refuse
    return environment.from_string(Path(path).read_text("utf-8"))


def _refuse(message: str) -> None:
    raise TemplateError(message)


def pieces(example: Example, path: str) -> list[Piece]:
    """The conversation as a template writes it, in order.

    `bos_token` and `eos_token` are empty: an answer's end is the tokenizer's own token, which the
        caller adds.

    Raises:
        ValueError: the template is faulty, refuses the conversation, or leaves out, repeats or
            reorders a text.
        OSError: the file cannot be read.
    """
    places: list[tuple[int, bool]] = []
    messages = []
    for number, message in enumerate(example.messages):
        content = chr(FIRST + len(places))
        places.append((number, False))
        if message.input:
            content += "\n\n" + chr(FIRST + len(places))
            places.append((number, True))
        messages.append({"role": message.speaker, "content": content})
    try:
        written = _load(path).render(
            messages=messages, add_generation_prompt=False, bos_token="", eos_token=""
        )
    except TemplateError as error:
        raise ValueError(f"data.template={path}: {error}") from None
    parts = re.split(f"([{chr(FIRST)}-{chr(FIRST + 0xFFF)}])", written)
    if parts[1::2] != [chr(FIRST + place) for place in range(len(places))]:
        raise ValueError(
            f"data.template={path}: expected each message of {example.id} once and in order"
        )
    found = [Piece(-1, is_input=False, text=parts[0])]
    for (number, is_input), between in zip(places, parts[2::2], strict=True):
        message = example.messages[number]
        found += [
            Piece(number, is_input, message.input if is_input else message.content),
            Piece(-1, is_input=False, text=between),
        ]
    return found
