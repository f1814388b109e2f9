"""Scores that are shares of a whole, by the names that every table, figure and line calls them."""

from __future__ import annotations

NAMES = {
    "exact_match": "exact match",
    "verified": "checks passed",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
}
"""In the order of tables; others are called as they are written, without underscores."""


def name_of(score: str) -> str:
    """What a score is called."""
    return NAMES.get(score, score.replace("_", " "))
