"""Examples that belong together, such as the questions on one passage: all of a group go to one
side of a split (a group split), so that no side has seen the other's texts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from harness.data.errors import DataError
from harness.data.example import Example

INPUT = "input"
"""The value of `data.group` that asks for groups by what the questions are about."""
OVERLAP = "overlap"
"""The value of `data.group` that asks for groups by what texts share."""
RUN = 20
"""Neighbouring words that examples share, of prompts or answers, to be of one group."""

Groups = Mapping[str, str]
"""Id of an example -> its group; an example that is not named is alone."""


def spelled(value: object) -> str:
    """What a record's value says of its group, space and case aside; "" for nothing."""
    said = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return " ".join(said.casefold().split())


def groups_of(examples: Sequence[Example], group: str) -> Groups:
    """The groups of all sets together.

    Args:
        examples: of every set.
        group: `data.group`; "" for no groups.

    Raises:
        DataError: no example has one.
    """
    if group == OVERLAP:
        return _overlapping(examples)
    groups = {example.id: example.group for example in examples if example.group}
    if group and not groups:
        raise DataError(f"data.group={group}: no record has this key, expected one, or {OVERLAP}")
    return groups


def by_group(examples: Sequence[Example], groups: Groups, seed: int) -> list[Example]:
    """The examples group by group, in a random order of groups, which all are as likely to come
    first, whatever their sizes.
    """
    held: dict[str, list[Example]] = {}
    for example in examples:
        held.setdefault(groups.get(example.id, example.id), []).append(example)
    order = np.random.default_rng(seed).permutation(len(held))
    each = list(held.values())
    return [example for place in order for example in each[place]]


def count_groups(examples: Sequence[Example], groups: Groups) -> int:
    """How many groups the examples are of, those that are alone counted too."""
    return len({groups.get(example.id, example.id) for example in examples})


def strangers(
    examples: Sequence[Example], others: Collection[Example], groups: Groups
) -> list[Example]:
    """The examples of whose groups no other set has one."""
    taken = {groups[other.id] for other in others if other.id in groups}
    return [example for example in examples if groups.get(example.id) not in taken]


def _overlapping(examples: Sequence[Example]) -> Groups:
    """Groups of examples that share a run of words, or are linked by others that do; system
    messages, which all may share, aside.
    """
    parent = list(range(len(examples)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    first: dict[int, int] = {}  # by hashes, which take a seventh of the memory of the words
    for number, example in enumerate(examples):
        for message in example.messages:
            if message.speaker == "system":
                continue
            words = f"{message.content} {message.input}".casefold().split()
            for start in range(len(words) - RUN + 1):
                holder = first.setdefault(hash(tuple(words[start : start + RUN])), number)
                if holder != number:
                    one, other = root(holder), root(number)
                    parent[max(one, other)] = min(one, other)
    return {example.id: str(root(number)) for number, example in enumerate(examples)}
