"""What a task family is: phrasings and a function that makes one item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from harness.config.registry import Registry
from harness.data.example import Check


@dataclass(frozen=True, slots=True)
class Item:
    """One task before its instruction is worded.

    Attributes:
        output: the reference answer.
        input: the text that the task works on, "" where the instruction holds all.
        slots: what the phrasing is filled with.
        check: None for a free-form answer.
    """

    output: str
    input: str = ""
    slots: dict[str, str] = field(default_factory=dict)
    check: Check | None = Check("exact")


Make = Callable[[Random, int], Item]
"""Makes an item from a random source and a target number of response words (0 for natural
length).
"""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task.

    Attributes:
        name: snake_case.
        phrasings: wordings of the instruction, with slots in braces.
        make: makes an item.
        scales: whether the answer's length follows the target.
        often: how many times a round of the mixture has the family.
    """

    name: str
    phrasings: tuple[str, ...]
    make: Make
    scales: bool
    often: int


FAMILIES: Registry[Family] = Registry("task family")

COMMON = 6
"""`often` of the everyday families: real mixtures are skewed too, and a hundred examples over
seventy equally rare families teach none of them."""


def family(*phrasings: str, scales: bool = False, often: int = 1) -> Callable[[Make], Make]:
    """Register the decorated function under its own name."""

    def register(make: Make) -> Make:
        FAMILIES.add(make.__name__, Family(make.__name__, phrasings, make, scales, often))
        return make

    return register


def pick(rng: Random, values: list[str] | tuple[str, ...], count: int) -> list[str]:
    """`count` different values in random order; more than there are repeat none until all were
    taken.
    """
    found: list[str] = []
    while len(found) < count:
        found += rng.sample(list(values), min(count - len(found), len(values)))
    return found


def article(word: str) -> str:
    """The word with "a" or "an"; the banks hold no word whose sound defies its letter."""
    return ("an " if word[0] in "aeiou" else "a ") + word
