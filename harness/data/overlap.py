"""Which examples are the same, and which all but are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.data.example import Example


def plain_text(example: Example) -> str:
    """All that is said in an example, in one case and with single spaces; speakers are marked."""
    said = [
        [message.speaker, *f"{message.content} {message.input}".casefold().split()]
        for message in example.messages
    ]
    return "\0".join(" ".join(words) for words in said)


def distinct(examples: Iterable[Example]) -> list[Example]:
    """The first of each group of equal examples, in order."""
    found: dict[str, Example] = {}
    for example in examples:
        found.setdefault(example.id, example)
    return list(found.values())


def apart(examples: Sequence[Example], *others: Sequence[Example]) -> list[Example]:
    """The examples that stand in none of the other sets, space and case aside."""
    taken = {plain_text(example) for other in others for example in other}
    return [example for example in examples if plain_text(example) not in taken]
