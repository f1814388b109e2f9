"""What a source yields: examples made of messages, with an optional machine check of the answer.

Everything downstream (prompt, tokens, masks, batches) reads these types and nothing else of a
source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        speaker: who wrote it.
        content: its text. For a user message of an Alpaca-style record this is the instruction.
        input: the Alpaca record's input that goes with the instruction; "" where there is none.
            Only user messages may carry one.
    """

    speaker: Speaker
    content: str
    input: str = ""


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
    """

    messages: tuple[Message, ...]
    family: str = ""
    check: Check | None = None

    @property
    def response(self) -> str:
        """The reference: the text of the last assistant message."""
        return self.messages[-1].content

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits of the SHA-256 of the conversation: equal texts have equal ids."""
        text = json.dumps(
            [asdict(message) for message in self.messages], ensure_ascii=False, sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def alpaca(
    instruction: str, input: str, output: str, *, family: str = "", check: Check | None = None
) -> Example:
    """An Example from one Alpaca-style record."""
    return Example(
        (Message("user", instruction, input), Message("assistant", output)), family, check
    )
