"""An example to segments of text with a role each: one renderer for training and generation.

Nothing else knows a template, and nothing ever searches a text for its markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.config.schema import Run
from harness.data import chat_template
from harness.data.example import Example, Message


class Segment(NamedTuple):
    """A stretch of text with one role.

    Attributes:
        role: one of `records.ROLES`.
        text: the text; "" for `end`, which stands for the tokenizer's end token.
        turn: the exchange it belongs to, from 0.
        weight: what the data say that its loss weighs; None where they say nothing, which is 1 for
            an answer and its end and 0 for all else.
    """

    role: str
    text: str
    turn: int
    weight: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """How messages are written out; every text here has the role `template`.

    Attributes:
        preamble: stands before the first message.
        system, user, input, assistant, tool: stand before a message's (or an Alpaca input's) text.
        system_close, user_close, tool_close: stand after it.
        separator: stands between an answer's end token and the next user message.
    """

    preamble: str = ""
    system: str = ""
    system_close: str = ""
    user: str = ""
    input: str = ""
    user_close: str = ""
    assistant: str = ""
    tool: str = ""
    tool_close: str = ""
    separator: str = ""


TEMPLATES = {
    "alpaca": Template(
        preamble="Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n",
        system_close="\n\n",
        user="### Instruction:\n",
        input="\n\n### Input:\n",
        assistant="\n\n### Response:\n",
        tool="\n\n### Tool:\n",
        separator="\n\n",
    ),
    "headers": Template(
        system_close="\n\n",
        user="### Instruction:\n",
        input="\n\n### Input:\n",
        assistant="\n\n### Response:\n",
        tool="\n\n### Tool:\n",
        separator="\n\n",
    ),
    "chatml": Template(
        system="<|im_start|>system\n",
        system_close="<|im_end|>\n",
        user="<|im_start|>user\n",
        input="\n\n",
        user_close="<|im_end|>\n",
        assistant="<|im_start|>assistant\n",
        tool="\n<|im_start|>tool\n",
        tool_close="<|im_end|>\n",
        separator="\n",
    ),
    "phi3": Template(
        system="<|system|>\n",
        system_close="<|end|>\n",
        user="<|user|>\n",
        input="\n\n",
        user_close="<|end|>\n",
        assistant="<|assistant|>\n",
        tool="\n<|tool|>\n",
        tool_close="<|end|>\n",
        separator="\n",
    ),
    "plain": Template(
        system_close="\n\n", input="\n", assistant="\n\n", tool="\n\n", separator="\n\n"
    ),
}


def template_faults(run: Run) -> list[str]:
    """A line where `data.template` names neither a template nor a file."""
    name = run.data.template
    if name in TEMPLATES or Path(name).is_file():
        return []
    return [
        (
            f"data.template={name!r}: expected {', '.join(sorted(TEMPLATES))} "
            "or the path of a chat template in Jinja"
        )
    ]


def render(example: Example, template: str) -> tuple[Segment, ...]:
    """The whole conversation; each answer is followed by its `end`.

    The text of a lone user message is the `instruction`; in a dialogue of several it is `user`.
    Empty texts leave no segment.

    Args:
        example: the conversation; one that is written out already takes no template.
        template: a name in `TEMPLATES`, or the path of a chat template in Jinja.

    Raises:
        ValueError, OSError: as `chat_template.pieces`.
    """
    asked = (
        "instruction"
        if sum(message.speaker == "user" for message in example.messages) == 1
        else "user"
    )
    if example.written:
        segments = _written(example, asked)
    elif template in TEMPLATES:
        segments = _render(example, TEMPLATES[template], asked)
    else:
        segments = _render_jinja(example, template, asked)
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


def _said(message: Message, role: str, turn: int) -> list[Segment]:
    """A message's text, cut where the weights that the data give to it change."""
    if not message.spans:
        return [Segment(role, message.content, turn)]
    segments = []
    begin = 0
    for length, weight in message.spans:
        segments.append(Segment(role, message.content[begin : begin + length], turn, weight))
        begin += length
    return segments


def _end(message: Message, turn: int) -> Segment:
    """The end of an answer, which weighs what the last of the answer weighs."""
    return Segment("end", "", turn, message.spans[-1].weight if message.spans else None)


def _render_jinja(example: Example, path: str, asked: str) -> list[Segment]:
    """As `render`; what a template writes after the last answer is left out, as nothing is to
    follow it.
    """
    roles = {"system": "system", "user": asked, "assistant": "response", "tool": "user"}
    segments: list[Segment] = []
    turn = -1
    waiting = ""
    for piece in chat_template.pieces(example, path):
        if piece.message < 0:
            waiting = piece.text
            continue
        message = example.messages[piece.message]
        turn += message.speaker == "user" and not piece.is_input
        at = max(turn, 0)
        segments.append(Segment("template", waiting, at))
        if piece.is_input:
            segments.append(Segment("input", piece.text, at))
        else:
            segments += _said(message, roles[message.speaker], at)
        if message.speaker == "assistant":
            segments.append(_end(message, at))
    return segments


def render_prompt(example: Example, template: str) -> tuple[Segment, ...]:
    """What a model sees before it answers: the conversation up to the last answer's first token.

    It is `render` cut short, hence a prefix of the training text by construction.
    """
    segments = render(example, template)
    cut = len(segments) - 1  # the last answer's end
    while cut and segments[cut - 1].role == "response":
        cut -= 1
    return segments[:cut]
