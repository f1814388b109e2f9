"""An example to segments of text with a role each: one renderer for training and generation.

Nothing else knows a template, and nothing ever searches a text for its markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.config.schema import Run
from harness.data import chat_template
from harness.data.example import Example


class Segment(NamedTuple):
    """A stretch of text with one role.

    Attributes:
        role: one of `records.ROLES`.
        text: the text; "" for `end`, which stands for the tokenizer's end token.
        turn: the exchange it belongs to, from 0.
    """

    role: str
    text: str
    turn: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """How messages are written out; every text here has the role `template`.

    Attributes:
        preamble: stands before the first message.
        system, user, input, assistant: stand before a message's (or an Alpaca input's) text.
        system_close, user_close: stand after it.
        separator: stands between an answer's end token and the next user message.
    """

    preamble: str = ""
    system: str = ""
    system_close: str = ""
    user: str = ""
    input: str = ""
    user_close: str = ""
    assistant: str = ""
    separator: str = ""


TEMPLATES = {
    "alpaca": Template(
        preamble="Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n",
        system_close="\n\n",
        user="### Instruction:\n",
        input="\n\n### Input:\n",
        assistant="\n\n### Response:\n",
        separator="\n\n",
    ),
    "headers": Template(
        system_close="\n\n",
        user="### Instruction:\n",
        input="\n\n### Input:\n",
        assistant="\n\n### Response:\n",
        separator="\n\n",
    ),
    "chatml": Template(
        system="<|im_start|>system\n",
        system_close="<|im_end|>\n",
        user="<|im_start|>user\n",
        input="\n\n",
        user_close="<|im_end|>\n",
        assistant="<|im_start|>assistant\n",
        separator="\n",
    ),
    "phi3": Template(
        system="<|system|>\n",
        system_close="<|end|>\n",
        user="<|user|>\n",
        input="\n\n",
        user_close="<|end|>\n",
        assistant="<|assistant|>\n",
        separator="\n",
    ),
    "plain": Template(system_close="\n\n", input="\n", assistant="\n\n", separator="\n\n"),
}


def template_faults(run: Run) -> list[str]:
    """A line where `data.template` names neither a template nor a file."""
    name = run.data.template
    if name in TEMPLATES or Path(name).is_file():
        return []
    return [
        f"data.template={name!r}: expected {', '.join(sorted(TEMPLATES))} "
        "or the path of a chat template in Jinja"
    ]


def render(example: Example, template: str) -> tuple[Segment, ...]:
    """The whole conversation; each answer is followed by its `end`.

    The text of a lone user message is the `instruction`; in a dialogue of several it is `user`.
    Empty texts leave no segment.

    Args:
        example: the conversation.
        template: a name in `TEMPLATES`, or the path of a chat template in Jinja.

    Raises:
        ValueError, OSError: as `chat_template.pieces`.
    """
    asked = (
        "instruction"
        if sum(message.speaker == "user" for message in example.messages) == 1
        else "user"
    )
    if template not in TEMPLATES:
        return _render_jinja(example, template, asked)
    form = TEMPLATES[template]
    segments = [Segment("template", form.preamble, 0)]
    turn = -1
    for message in example.messages:
        if message.speaker == "system":
            segments += [
                Segment("template", form.system, max(turn, 0)),
                Segment("system", message.content, max(turn, 0)),
                Segment("template", form.system_close, max(turn, 0)),
            ]
        elif message.speaker == "user":
            turn += 1
            segments += [
                Segment("template", form.separator if turn else "", turn),
                Segment("template", form.user, turn),
                Segment(asked, message.content, turn),
                Segment("template", form.input if message.input else "", turn),
                Segment("input", message.input, turn),
                Segment("template", form.user_close, turn),
            ]
        else:
            segments += [
                Segment("template", form.assistant, turn),
                Segment("response", message.content, turn),
                Segment("end", "", turn),
            ]
    return tuple(segment for segment in segments if segment.text or segment.role == "end")


def _render_jinja(example: Example, path: str, asked: str) -> tuple[Segment, ...]:
    """As `render`; what a template writes after the last answer is left out, as nothing is to
    follow it.
    """
    segments = []
    turn = -1
    waiting = ""
    for piece in chat_template.pieces(example, path):
        if piece.message < 0:
            waiting = piece.text
            continue
        speaker = example.messages[piece.message].speaker
        turn += speaker == "user" and not piece.is_input
        role = {
            "system": "system",
            "user": "input" if piece.is_input else asked,
            "assistant": "response",
        }[speaker]
        segments += [
            Segment("template", waiting, max(turn, 0)),
            Segment(role, piece.text, max(turn, 0)),
        ]
        if role == "response":
            segments.append(Segment("end", "", turn))
    return tuple(segment for segment in segments if segment.text or segment.role == "end")


def render_prompt(example: Example, template: str) -> tuple[Segment, ...]:
    """What a model sees before it answers: the conversation up to the last answer's first token.

    It is `render` cut short, hence a prefix of the training text by construction.
    """
    segments = render(example, template)
    last = segments[-1].turn
    cut = next(
        place
        for place, segment in enumerate(segments)
        if segment.turn == last and (segment.role in ("response", "end"))
    )
    return segments[:cut]
