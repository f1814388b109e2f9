"""Numbers and verdicts in words, the same in the terminal, in the report and in papers."""

from __future__ import annotations

import math
from typing import NamedTuple

from analysis.effects import MARGINS
from analysis.evidence import Evidence, Part, edge
from analysis.stats import sign_flip_floor

NAMES = {
    "nll.test.answer": "held-out response NLL",
    "scores.exact_match": "exact match",
}


class Adjusted(NamedTuple):
    """A claim's p for each word, adjusted over `family` claims."""

    support: float
    against: float
    equal: float
    family: int


def number(value: float, outcome: str, signed: bool = True) -> str:
    """An outcome's value: nats per token to three digits, a score in points (of a hundred) to one;
    – for NaN.
    """
    if math.isnan(value):
        return "–"
    digits = 3 if outcome.startswith("nll.") else 1
    shown = round(value if digits == 3 else 100 * value, digits)
    # What rounds to zero has no sign.
    sign = "+" if signed and shown else ""
    return f"{shown or 0.0:{sign}.{digits}f}".replace("-", "−")


def unit(outcome: str) -> str:
    """What `number` counts."""
    return "nats/token" if outcome.startswith("nll.") else "points"


def interval(estimate: float, low: float, high: float, outcome: str) -> str:
    """An estimate with its 95 % interval, or alone where there is none."""
    if math.isnan(low):
        return number(estimate, outcome)
    return f"{number(estimate, outcome)} [{number(low, outcome)}, {number(high, outcome)}]"


def place(n_star: float, low: float, high: float) -> str:
    """A crossover with its interval, open where it leaves the range; "" where there is none."""
    if math.isnan(n_star):
        return ""
    if math.isnan(low):
        return f"{n_star:,.0f}"
    first = "below range" if low == 0 else f"{low:,.0f}"
    last = "above range" if math.isinf(high) else f"{high:,.0f}"
    return f"{n_star:,.0f} [{first}, {last}]"


def shares(*values: float) -> str:
    """Shares in per cent; "" where they are unknown."""
    return (
        ""
        if any(math.isnan(value) for value in values)
        else ", ".join(f"{100 * value:.1f} %" for value in values)
    )


def chance(p: float) -> str:
    """A p value; – for NaN."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1"


def least_seeds(family: int, alpha: float) -> int:
    """The fewest seeds whose sign-flip floor, times the family, is below alpha."""
    n = 1
    while sign_flip_floor(n) * family >= alpha:
        n += 1
    return n


def supported(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why a claim is supported."""
    effect = case.claim.effect
    how = (
        f"not worse by more than {_margin(case)} than"
        if effect == "not worse"
        else f"{effect} than"
    )
    slopes = [part for part in case.parts if part.kind == "slope"]
    trend = "".join(f", {part.label} {_said(part, case)}" for part in slopes)
    return f"{_arms(case)} is {how} '{baseline}': {_delta(case, pooled)}{trend}; {_p(p.support, p.family)}."


def refuted(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why a claim is refuted."""
    how = {
        "better": "worse",
        "worse": "better",
        "not worse": f"worse by more than {_margin(case)}",
    }[case.claim.effect]
    return f"{_arms(case)} is {how} than '{baseline}': {_delta(case, pooled)}; {_p(p.against, p.family)}."


def equivalent(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why the arms are equivalent."""
    p_text = _p(p.equal, p.family).removeprefix("exact sign-flip ")
    said = f"{_arms(case)} and '{baseline}' differ by less than {_margin(case)}"
    return f"{said}: {_delta(case, pooled)}; TOST, {p_text}."


def too_few(case: Evidence, pooled: Part, p: Adjusted, alpha: float) -> str:
    """Why fewer than two seeds settle nothing."""
    have = "one seed" if case.seeds else "no seed with every cell"
    return (
        f"{have}: an interval needs two and p < {_plain(alpha)} needs {least_seeds(p.family, alpha)} "
        f"(Δ {number(pooled.estimate, case.claim.outcome)} {unit(case.claim.outcome)} so far)."
    )


def unsettled(case: Evidence, pooled: Part, baseline: str, p: Adjusted, alpha: float) -> str:
    """What kept a verdict from falling."""
    said = f"{_arms(case)} against '{baseline}': {_delta(case, pooled)}"
    if sign_flip_floor(case.seeds) * p.family >= alpha:
        floor = chance(sign_flip_floor(case.seeds) * p.family)
        return (
            f"{said}; {case.seeds} seeds cannot give p below {floor}{' after Holm' if p.family > 1 else ''}, "
            f"{least_seeds(p.family, alpha)} are needed."
        )
    failing = next((part for part in case.parts if not part.holds), None)
    if failing is None:
        return f"{said}; {_p(p.support, p.family)}."
    if len(case.parts) == 1:
        return f"{said}; neither a difference nor its absence (within ±{_margin(case)}) is shown."
    sign, bound = (case.claim.slope, 0.0) if failing.kind == "slope" else edge(case.claim)
    beyond = f"{'above' if sign > 0 else 'below'} {number(bound, case.claim.outcome, signed=False)}"
    return f"{said}; not shown to lie {beyond}: {failing.label}, {_said(failing, case)}."


def _arms(case: Evidence) -> str:
    return " and ".join(f"'{arm}'" for arm in case.claim.arms)


def _delta(case: Evidence, pooled: Part) -> str:
    """The one number to remember, with what it is the mean of."""
    outcome = case.claim.outcome
    cells = (
        f" (above 0 in {pooled.above}, below in {pooled.below} of {pooled.cells} cells)"
        if pooled.cells > 1
        else ""
    )
    return f"Δ = {_said(pooled, case)} {unit(outcome)} over {pooled.seeds} seeds{cells}"


def _said(part: Part, case: Evidence) -> str:
    return interval(part.estimate, part.low, part.high, case.claim.outcome)


def _margin(case: Evidence) -> str:
    return f"{number(MARGINS[case.claim.outcome], case.claim.outcome, signed=False)} {unit(case.claim.outcome)}"


def _p(p: float, family: int) -> str:
    text = chance(p)
    text = f"p {text}" if text.startswith("<") else f"p = {text}"
    return f"{text} after Holm over {family} claims" if family > 1 else f"exact sign-flip {text}"


def _plain(value: float) -> str:
    return f"{value:g}".removeprefix("0")
