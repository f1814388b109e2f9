"""Similarity of a response to its reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from harness.records import Score

WORD = re.compile("[a-z0-9]+")
"""A word as ROUGE knows it, in small letters."""


@cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def exact_match(response: str, reference: str) -> Score:
    """1 where the two are equal but for outer white space, else 0."""
    return float(response.strip() == reference.strip())


def rouge_l(response: str, reference: str) -> Score:
    """ROUGE-L's F1 (Lin 2004), in [0, 1]; None where the reference has no word that ROUGE knows
    (a-z, 0-9). The package `rouge_score` gives the same, after seconds of imports in every worker.
    """
    said, wanted = WORD.findall(response.lower()), WORD.findall(reference.lower())
    if not wanted:
        return None
    common = _longest_common(said, wanted)
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Words of the longest common subsequence: a column of the usual table is the bits of one
    number, 0 where the length grows (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    column = every = (1 << len(first)) - 1
    for word in second:
        hits = column & places.get(word, 0)
        column = ((column + hits) | (column - hits)) & every
    return len(first) - column.bit_count()


def chrf(response: str, reference: str) -> Score:
    """chrF, β = 2, character 6-grams (Popović 2015), in [0, 1]; None for an empty reference."""
    if not reference.strip():
        return None
    return float(_chrf().sentence_score(response, [reference]).score) / 100
