"""What a source yields: examples made of messages, with an optional machine check of the answer.

Everything downstream (prompt, tokens, masks, batches) reads these types and nothing else of a
source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

Speaker = Literal["system", "user", "assistant", "tool"]


class Span(NamedTuple):
    """A stretch of a message's text with the loss weight that the data give it.

    Attributes:
        length: in characters.
        weight: 0 or more.
    """

    length: int
    weight: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        speaker: who wrote it.
        content: its text. For a user message of an Alpaca-style record this is the instruction.
        input: the Alpaca record's input that goes with the instruction; "" where there is none.
            Only user messages may carry one.
        spans: the weights that the data give to its text, from its first character to its last;
            empty where they say nothing, which is 1 for an answer and 0 for all else.
        thinking: thoughts that came before an answer, which weigh what its beginning weighs; "" for
            none. Only the assistant's messages may have some.
    """

    speaker: Speaker
    content: str
    input: str = ""
    spans: tuple[Span, ...] = ()
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """How a response is verified by machine, as data: `kind` names a function of
    `harness.scoring.check`.

    Attributes:
        kind: the verifier, e.g. "exact", "one_of", "number", "word_count".
        args: its arguments, plain JSON values.
    """

    kind: str
    args: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """One training or test example: a conversation that ends with an assistant message.

    Attributes:
        messages: at least one user message followed by an assistant message; the last is the
            assistant's.
        family: the task family it belongs to; "" where the source has none.
        check: verifies the last response; None where only similarity to the reference can be
            scored.
        place: where its source has it, "a.jsonl:3"; "" where that means nothing.
        written: whether its texts are written out already and no template is put around them; the
            messages then only tell what is prompt and what is answer.
        group: what it shares with those that are to stay on its side of a split; "" for nothing.
    """

    messages: tuple[Message, ...]
    family: str = ""
    check: Check | None = None
    place: str = field(default="", compare=False)
    written: bool = False
    group: str = field(default="", compare=False)

    @property
    def response(self) -> str:
        """The reference: the text of the last assistant message."""
        return self.messages[-1].content

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits of the SHA-256 of the conversation: equals have equal ids."""
        said = [_said(message) for message in self.messages]
        text = json.dumps(said, ensure_ascii=False, sort_keys=True) + " written" * self.written
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _said(message: Message) -> dict[str, object]:
    """What an id is made of; weights and thoughts count where the data give some."""
    said: dict[str, object] = {
        "speaker": message.speaker,
        "content": message.content,
        "input": message.input,
    }
    said |= {"spans": message.spans} if message.spans else {}
    return said | {"thinking": message.thinking} if message.thinking else said


def alpaca(
    instruction: str, input: str, output: str, *, family: str = "", check: Check | None = None
) -> Example:
    """An Example from one Alpaca-style record."""
    return Example(
        (Message("user", instruction, input), Message("assistant", output)), family, check
    )
