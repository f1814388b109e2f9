"""Similarity of a response to its reference."""

from __future__ import annotations

from functools import cache
from typing import Any

from harness.records import Score


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def exact_match(response: str, reference: str) -> Score:
    """1 where the two are equal but for outer white space, else 0."""
    return float(response.strip() == reference.strip())


def rouge_l(response: str, reference: str) -> Score:
    """ROUGE-L's F1 (Lin 2004), in [0, 1]; None where the reference has no word that ROUGE knows
    (a-z, 0-9).
    """
    if not any(character.isascii() and character.isalnum() for character in reference):
        return None
    return float(_rouge().score(reference, response)["rougeL"].fmeasure)


def chrf(response: str, reference: str) -> Score:
    """chrF, β = 2, character 6-grams (Popović 2015), in [0, 1]; None for an empty reference."""
    if not reference.strip():
        return None
    return float(_chrf().sentence_score(response, [reference]).score) / 100
