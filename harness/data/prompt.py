"""An example to segments of text with a role each: one renderer for training and generation.

Nothing ever searches a text for its markers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from harness.data import chat_template, jinja
from harness.data.example import Example, Message
from harness.data.jinja import ChatTemplate
from harness.data.templates import TEMPLATES, Template


class Segment(NamedTuple):
    """A stretch of text with one role.

    Attributes:
        role: one of `records.ROLES`.
        text: the text; "" for an `end` that is the tokenizer's end token.
        turn: the exchange it belongs to, from 0.
        weight: what the data say that its loss weighs; None where they say nothing, which is 1 for
            an answer and its end and 0 for all else.
    """

    role: str
    text: str
    turn: int
    weight: float | None = None


def render(example: Example, template: str | ChatTemplate) -> tuple[Segment, ...]:
    """The whole conversation; each answer is followed by its `end`.

    The text of a lone user message is the `instruction`; in a dialogue of several it is `user`.
    Empty texts leave no segment.

    Args:
        example: the conversation; one that is written out already takes no template.
        template: a name in `TEMPLATES`, the path of a chat template in Jinja, or one itself.

    Raises:
        ValueError, OSError: as `jinja.read` and `chat_template.pieces`.
    """
    asked = (
        "instruction"
        if sum(message.speaker == "user" for message in example.messages) == 1
        else "user"
    )
    if example.written:
        segments = _written(example, asked)
    elif isinstance(template, ChatTemplate):
        segments = _render_jinja(example, template, asked)
    elif template in TEMPLATES:
        segments = _render(example, TEMPLATES.get(template), asked)
    else:
        segments = _render_jinja(example, jinja.read(template), asked)
    return tuple(segment for segment in segments if segment.text or segment.role == "end")


def _render(example: Example, form: Template, asked: str) -> list[Segment]:
    segments = [Segment("template", form.preamble, 0)]
    turn = -1
    for message in example.messages:
        turn += message.speaker == "user"
        at = max(turn, 0)
        if message.speaker == "system":
            segments.append(Segment("template", form.system, at))
            segments += _said(message, "system", at)
            segments.append(Segment("template", form.system_close, at))
        elif message.speaker == "user":
            segments.append(Segment("template", form.separator if turn else "", at))
            segments.append(Segment("template", form.user, at))
            segments += _said(message, asked, at)
            segments.append(Segment("template", form.input if message.input else "", at))
            segments.append(Segment("input", message.input, at))
            segments.append(Segment("template", form.user_close, at))
        elif message.speaker == "tool":
            segments.append(Segment("template", form.tool, at))
            segments += _said(message, "user", at)
            segments.append(Segment("template", form.tool_close, at))
        else:
            segments.append(Segment("template", form.assistant, at))
            if message.thinking:
                segments.append(Segment("template", form.thinking, at))
                segments.append(_thought(message, message.thinking, at))
                segments.append(_thought(message, form.thinking_close, at))
            segments += _said(message, "response", at)
            segments.append(_end(message, at))
    return segments


def _written(example: Example, asked: str) -> list[Segment]:
    """Texts that are written out already; only the last answer is followed by an `end`."""
    segments: list[Segment] = []
    turn = -1
    for message in example.messages:
        turn += message.speaker == "user"
        role = "response" if message.speaker == "assistant" else asked
        segments += _said(message, role, turn)
    return [*segments, _end(example.messages[-1], turn)]


def _said(message: Message, role: str, turn: int, text: str | None = None) -> list[Segment]:
    """A message's text, cut where the weights that the data give to it change.

    Args:
        message: the message.
        role: of its text.
        turn: of its text.
        text: what a template leaves of it; None for all.
    """
    text = message.content if text is None else text
    if not message.spans:
        return [Segment(role, text, turn)]
    segments = []
    begin = -message.content.index(text)
    for length, weight in message.spans:
        end = begin + length
        segments.append(Segment(role, text[max(0, begin) : max(0, end)], turn, weight))
        begin = end
    return segments


def _thought(message: Message, text: str, turn: int) -> Segment:
    """Thoughts, or the mark that closes them, which weigh what the first of the answer weighs."""
    return Segment("thinking", text, turn, message.spans[0].weight if message.spans else None)


def _end(message: Message, turn: int, text: str = "") -> Segment:
    """The end of an answer, which weighs what the last of the answer weighs."""
    return Segment("end", text, turn, message.spans[-1].weight if message.spans else None)


def _render_jinja(example: Example, template: ChatTemplate, asked: str) -> list[Segment]:
    """As `render`; what a template writes after the last answer's end is left out, as nothing is to
    follow it. What it writes between thoughts and their answer closes them.
    """
    roles = {"system": "system", "user": asked, "assistant": "response", "tool": "user"}
    segments: list[Segment] = []
    turn = -1
    waiting = ""
    answered: Message | None = None
    thinks = False
    for piece in chat_template.pieces(example, template):
        if piece.message < 0:
            waiting = piece.text
            if answered:
                end, waiting = _closing(piece.text, template)
                segments.append(_end(answered, max(turn, 0), end))
            continue
        message = example.messages[piece.message]
        turn += message.speaker == "user" and piece.part == "content"
        at = max(turn, 0)
        closing = _thought(message, waiting, at) if thinks else Segment("template", waiting, at)
        segments.append(closing)
        thinks = piece.part == "thinking"
        if thinks:
            segments.append(_thought(message, piece.text, at))
        elif piece.part == "input":
            segments.append(Segment("input", piece.text, at))
        else:
            segments += _said(message, roles[message.speaker], at, piece.text)
        answered = message if message.speaker == "assistant" and not thinks else None
    return segments


def _closing(text: str, template: ChatTemplate) -> tuple[str, str]:
    """What follows an answer, cut behind the special token that closes it: "" for the tokenizer's.

    Raises:
        ValueError: the model's own template closes an answer by none.
    """
    if not template.specials:
        return "", text
    found = re.search("|".join(map(re.escape, template.specials)), text)
    if found is None:
        raise ValueError(
            f"{template.name}: writes {text[:20]!r} after an answer, expected a special token that "
            "closes it; data.template=chatml, or another one, takes its place"
        )
    return text[: found.end()], text[found.end() :]


def render_prompt(example: Example, template: str | ChatTemplate) -> tuple[Segment, ...]:
    """What a model sees before it answers: the conversation up to the first token that the
    assistant says in the last turn, of thoughts or answer.
    """
    return prompt_of(render(example, template))


def prompt_of(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """A rendered conversation cut short before its last answer, hence a prefix by construction."""
    cut = len(segments) - 1  # the last answer's end
    while cut and segments[cut - 1].role in ("response", "thinking"):
        cut -= 1
    return segments[:cut]


def closing_mark(segments: tuple[Segment, ...]) -> str:
    """What stands between the last answer and its thoughts, blanks around it aside; "" for none."""
    prompt = len(prompt_of(segments))
    marks = [segment.text.strip() for segment in segments[prompt:] if segment.role == "thinking"]
    return marks[-1] if marks else ""
