"""Does a judge agree with what can be checked? Said before any of its verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Pair = tuple[float | None, float | None]
"""Exact match and the judge's word on one answer; None where there is none."""


def of_scores(pairs: Sequence[Pair]) -> str:
    """How a judge's scores lie on answers that match exactly and on others, in one line.

    AUC is the chance that a matching answer is scored above another one, ties counted half.
    """
    both = [(exact, said) for exact, said in pairs if exact is not None and said is not None]
    right = np.array([said for exact, said in both if exact == 1])
    wrong = np.array([said for exact, said in both if exact == 0])
    if not len(right) or not len(wrong):
        which = "every" if len(right) else "no"
        return f"agreement with exact match: not to be told, {which} answer matches"
    above = (right[:, None] > wrong).mean() + (right[:, None] == wrong).mean() / 2
    return (
        f"agreement with exact match: AUC {above:.2f}; mean {right.mean():.1f} where it matches "
        f"({len(right):,} answers), {wrong.mean():.1f} where not ({len(wrong):,})"
    )


def rank_correlation(
    measured: Sequence[Mapping[str, float | None]], said: Sequence[float | None]
) -> dict[str, float]:
    """Spearman's ρ between a judge's scores and each measured one, over the answers that have both;
    a score is left out where one of the two never varies.
    """
    from scipy.stats import spearmanr  # half of the command's start, needed at its end alone

    found = {}
    for name in sorted({name for scores in measured for name in scores}):
        both = [
            (scores[name], word)
            for scores, word in zip(measured, said, strict=True)
            if word is not None and scores.get(name) is not None
        ]
        ours, theirs = zip(*both, strict=True) if both else ((), ())
        if len(set(ours)) > 1 and len(set(theirs)) > 1:
            found[name] = round(float(spearmanr(ours, theirs).statistic), 4)
    return found


def of_pairs(pairs: Sequence[tuple[float | None, float | None, float | None]]) -> str:
    """How often a judge prefers the one answer of two that matches exactly, ties counted half.

    Args:
        pairs: exact match of the first and second answer; 1 where the judge prefers the first.
    """
    kept = [
        said if first == 1 else 1 - said
        for first, second, said in pairs
        if said is not None and {first, second} == {0.0, 1.0}
    ]
    if not kept:
        return "agreement with exact match: not to be told, no pair in which one answer matches"
    return (
        f"agreement with exact match: prefers the matching answer in {np.mean(kept):.0%} of "
        f"{len(kept):,} pairs"
    )
