"""Verdicts: supported, refuted, equivalent or inconclusive, with the reason in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis import stats, words
from analysis.claims import CLAIMS, FAMILY, find, general
from analysis.effects import MARGINS
from analysis.evidence import Evidence, Part, edge, gather
from analysis.labels import arm_order

Word = Literal["supported", "refuted", "equivalent", "inconclusive"]

ALPHA = 0.05
LEAST_FOR_EQUIVALENCE = 5
"""Seeds below which no equivalence is declared: a t interval of fewer rests on normality alone."""


class Verdict(NamedTuple):
    """What the runs say of a claim.

    Attributes:
        claim: its key; "" for the general question.
        letter, text: as in `Claim`.
        verdict: the word.
        reason: why, in one sentence.
        baseline, arms, outcome, effect: what was compared.
        margin: the difference that counts as none.
        seeds: of the part with the fewest.
        p: the claim's p, adjusted by Holm over the five claims.
        pooled: the effect over all levels in the claim's range: the one number to remember.
        parts: every test that it stands on.
    """

    claim: str
    letter: str
    text: str
    verdict: Word
    reason: str
    baseline: str
    arms: tuple[str, ...]
    outcome: str
    effect: str
    margin: float
    seeds: int
    p: float
    pooled: Part | None
    parts: tuple[Part, ...]


def judge_all(
    runs: pd.DataFrame, pairs: pd.DataFrame, baseline: str, rng: np.random.Generator
) -> list[Verdict]:
    """A verdict for every claim that the sweeps name, from a to e; the general question where they
    name none.
    """
    named = runs.get("config.claim", pd.Series("", index=runs.index)).fillna("")
    keys = {run_claim.key for name in named.unique() if (run_claim := find(name))}
    claims = [
        (claim, pairs[named[pairs["run"]].isin([claim.key, claim.letter]).to_numpy()])
        for claim in CLAIMS
    ]
    chosen = [(claim, own) for claim, own in claims if claim.key in keys]
    if not chosen:
        arms = arm_order(set(runs["arm"]) - {baseline}, baseline)
        chosen = [(general(arms[0] if arms else "none", baseline), pairs)]
    return settle([gather(claim, own, rng) for claim, own in chosen], baseline)


def settle(cases: Sequence[Evidence], baseline: str) -> list[Verdict]:
    """Words for claims, their p adjusted together.

    A claim's p is the largest of its parts' (an intersection–union test, Berger 1982); each of the
    three words is adjusted over the family by Holm.
    """
    family = FAMILY if any(case.claim.letter for case in cases) else 1
    support = stats.holm(
        [max((part.p for part in case.parts), default=1.0) for case in cases], family
    )
    against = stats.holm([case.pooled.against if case.pooled else 1.0 for case in cases], family)
    equal = stats.holm([_equivalence(case) for case in cases], family)
    return [
        _settle_one(case, baseline, words.Adjusted(float(yes), float(no), float(same), family))
        for case, yes, no, same in zip(cases, support, against, equal, strict=True)
    ]


def _settle_one(case: Evidence, baseline: str, p: words.Adjusted) -> Verdict:
    claim, pooled = case.claim, case.pooled
    word: Word = "inconclusive"
    shown = p.support
    if pooled is None:
        reason = f"{case.lacking}."
    elif case.seeds < 2:
        reason = words.too_few(case, pooled, p, ALPHA)
    else:
        equal = p.equal < ALPHA
        # A difference inside the margin is none, whatever its sign, unless the margin is part of
        # the claim.
        telling = claim.effect == "not worse" or not equal
        only = _holds_only(case)
        if p.support < ALPHA and all(part.holds for part in case.parts) and telling:
            word, reason = "supported", words.supported(case, pooled, baseline, p)
        elif p.against < ALPHA and _reversed(case, pooled) and telling:
            word, shown, reason = "refuted", p.against, words.refuted(case, pooled, baseline, p)
        elif only:
            word, reason = "refuted", f"the effect holds with {only} alone."
        elif equal:
            word, shown, reason = "equivalent", p.equal, words.equivalent(case, pooled, baseline, p)
        else:
            reason = words.unsettled(case, pooled, baseline, p, ALPHA)
    return Verdict(
        claim=claim.key,
        letter=claim.letter,
        text=claim.text,
        verdict=word,
        reason=reason,
        baseline=baseline,
        arms=claim.arms,
        outcome=claim.outcome,
        effect=claim.effect,
        margin=MARGINS[claim.outcome],
        seeds=case.seeds,
        p=shown,
        pooled=pooled,
        parts=case.parts,
    )


def _equivalence(case: Evidence) -> float:
    """The largest TOST p of a claim's effects; 1 where there are none or too few seeds."""
    if case.seeds < LEAST_FOR_EQUIVALENCE:
        return 1.0
    return max(part.equivalence for part in case.parts if part.kind == "effect")


def _reversed(case: Evidence, pooled: Part) -> bool:
    """Whether the pooled interval lies wholly on the wrong side of the claim's bound."""
    sign, bound = edge(case.claim)
    return sign * ((pooled.high if sign > 0 else pooled.low) - bound) < 0


def _holds_only(case: Evidence) -> str:
    """The value of `within` at which alone the effect holds, where it is none or reversed at
    another; "" otherwise.
    """
    column, values = case.claim.within
    effects = [part for part in case.parts if part.kind == "effect"]
    sound = [
        value for value in values if all(part.holds for part in effects if part.where == value)
    ]
    empty = [
        value
        for value in values
        if all(
            part.equivalence < ALPHA or part.against < ALPHA
            for part in effects
            if part.where == value
        )
    ]
    return f"{column}={sound[0]}" if sound and empty and sound != empty else ""
