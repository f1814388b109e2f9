"""Which examples are the same, and which all but are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

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


NEAR = 0.8
"""Share of their pairs of neighbouring words that two examples have in common at the least to be
near-duplicates: the Jaccard index.
"""


def count_near(examples: Sequence[Example], others: Sequence[Example]) -> int:
    """How many examples are near-duplicates of another set's, space and case aside.

    Exact, and quick where most pairs of words are rare: two sets as alike as that share one of each
    one's rarest (the prefix filter of Bayardo et al. 2007, https://doi.org/10.1145/1242572.1242591).
    """
    theirs = [_word_pairs(other) for other in others]
    frequency = Counter(pair for pairs in theirs for pair in pairs)
    holding: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, pairs in enumerate(theirs):
        for pair in _rarest(pairs, frequency):
            holding[pair].append(number)
    count = 0
    for example in examples:
        pairs = _word_pairs(example)
        candidates = {
            number for pair in _rarest(pairs, frequency) for number in holding.get(pair, ())
        }
        count += any(_alike(pairs, theirs[number]) for number in candidates)
    return count


def _word_pairs(example: Example) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(plain_text(example).replace("\0", " ").split()))


def _rarest(
    pairs: frozenset[tuple[str, str]], frequency: Counter[tuple[str, str]]
) -> list[tuple[str, str]]:
    """As many of the rarest that one at least is in every set that is alike enough."""
    kept = len(pairs) - math.ceil(NEAR * len(pairs)) + 1
    return sorted(pairs, key=lambda pair: (frequency[pair], pair))[:kept]


def _alike(first: frozenset[tuple[str, str]], second: frozenset[tuple[str, str]]) -> bool:
    shared = len(first & second)
    return shared >= NEAR * (len(first) + len(second) - shared)
