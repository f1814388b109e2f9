"""Held-out responses that stand in training prompts, word for word: where one passage serves
several examples, a mask that trains on prompts learns them by heart; another never sees them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.data.example import Example

LONG = 50
"""Words from which on a response is looked for; a shorter one is often its prompt's own answer."""
RUN = 5
"""Neighbouring words that are looked for together."""
WHOLE = 0.9
"""Share of a response's runs from which on it stands in the prompts."""


def shares(training: Sequence[Example], held_out: Sequence[Example]) -> list[float]:
    """Of each long held-out response, the share of its runs of words that training prompts hold."""
    long = [runs(each.response, RUN) for each in held_out if len(each.response.split()) >= LONG]
    wanted = set().union(*long)
    found: set[str] = set()
    for example in training if wanted else ():
        for message in example.messages:
            if message.speaker != "assistant":
                found |= wanted & runs(f"{message.content} {message.input}", RUN)
    return [len(runs & found) / len(runs) for runs in long]


def leaks(training: Sequence[Example], held_out: Sequence[Example]) -> Iterator[str]:
    """A line where held-out responses stand in training prompts."""
    count = sum(share >= WHOLE for share in shares(training, held_out))
    if count:
        yield (
            f"{count:,} of {len(held_out):,} test responses stand in training prompts, word for "
            "word: a mask that trains on prompts learns them by heart, so that masks do not "
            "compare; data.group=overlap keeps such examples on one side"
        )


def runs(text: str, length: int) -> set[str]:
    """All runs of `length` neighbouring words of a text."""
    words = text.split()
    return {" ".join(words[start : start + length]) for start in range(len(words) - length + 1)}
