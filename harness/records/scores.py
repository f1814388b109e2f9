"""Scores that are shares of a whole, by the names that every table, figure and line calls them,
and which of them leads on given data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NAMES = {
    "exact_match": "exact match",
    "verified": "checks passed",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
}
"""In the order of tables; others are called as they are written, without underscores."""

FLOOR, CEILING = 0.05, 0.95
"""Below and above these mean scores, that two arms agree says nothing of them."""


def name_of(score: str) -> str:
    """What a score is called."""
    return NAMES.get(score, score.replace("_", " "))


def leading(means: Mapping[str, Sequence[float]]) -> str | None:
    """The score that stands beside the loss: the first that leaves its floor and its ceiling.

    Exact match comes first, and gives way on data where no arm, or every arm, answers right.

    Args:
        means: score -> its mean in each arm, from 0 to 1, in the order of tables.

    Returns:
        Where all lie at a bound, the one that is furthest from it; None where there is none.
    """
    known = {name: values for name, values in means.items() if values}
    for name, values in known.items():
        if max(values) >= FLOOR and min(values) <= CEILING:
            return name
    return max(known, key=lambda name: max(min(v, 1 - v) for v in known[name]), default=None)
