"""What looks odd in a set: a line each, for the user to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.data.example import Example
from harness.records.counted import counted

MOST = 0.5
"""Share of the examples from which on something is said of the set."""
MARKERS = ("### Response:", "### Instruction:", "[/INST]")
"""What templates write, and texts of people hardly ever hold."""


def doubts(examples: Sequence[Example], truncated: int, template_share: float) -> Iterator[str]:
    """A line for each thing that looks odd.

    Args:
        examples: the training pool, not empty.
        truncated: how many of them are longer than the model's context.
        template_share: the template's share of all tokens.
    """
    total = len(examples)
    ending, often = _most_frequent(_last_word(example) for example in examples)
    if ending.endswith(":") and often > MOST * total:
        yield (
            f"{often / total:.0%} of the prompts end in {ending!r}: they seem to be written out "
            "already, and the template adds its own header"
        )
    asked, often = _most_frequent(_first_question(example) for example in examples)
    if asked and total > 1 and often > MOST * total:
        yield f"{often / total:.0%} of the examples ask the same: {asked[:60]!r}"
    short = sum(len(example.response.split()) <= 1 for example in examples)
    if short > MOST * total:
        yield (
            f"{short / total:.0%} of the responses are one word: most of the loss is on end tokens"
        )
    empty = sum(not example.response.strip() for example in examples)
    if empty:
        yield f"{empty:,} responses are empty"
    yield from _markers(examples)
    if truncated:
        yield (
            f"{truncated:,} of {counted(total, 'example')} longer than model.context, an error "
            "without data.too_long=truncate or drop"
        )
    if template_share > MOST:
        yield f"the template makes up {template_share:.0%} of all tokens"


def _markers(examples: Sequence[Example]) -> Iterator[str]:
    """A line for each marker of a template that texts hold."""
    for marker in MARKERS:
        holding = sum(_holds(example, marker) for example in examples)
        if holding:
            held = counted(holding, "example")
            yield f"{marker!r} stands in {held}, as if a template were in the text already"


def _holds(example: Example, marker: str) -> bool:
    return any(marker in message.content or marker in message.input for message in example.messages)


def _first_question(example: Example) -> str:
    """What the first user message says, with its input."""
    asked = next((message for message in example.messages if message.speaker == "user"), None)
    return f"{asked.content}\n{asked.input}".strip() if asked else ""


def _last_word(example: Example) -> str:
    """The last word of what the last user message says."""
    asked = [message for message in example.messages if message.speaker == "user"]
    words = (asked[-1].input or asked[-1].content).split() if asked else []
    return words[-1] if words else ""


def _most_frequent(texts: Iterator[str]) -> tuple[str, int]:
    (found,) = Counter(texts).most_common(1)
    return found
