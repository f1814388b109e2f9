"""Numbers and verdicts in words, the same in the terminal, in the report and in papers."""

from __future__ import annotations

import math
from typing import NamedTuple

from analysis.effects import MARGINS
from analysis.evidence import Evidence, Part
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
    """An outcome's value: nats per token to three digits, a score in points (of a hundred) to one; – for NaN."""
    if math.isnan(value):
        return "–"
    sign = "+" if signed else ""
    text = f"{value:{sign}.3f}" if outcome.startswith("nll.") else f"{100 * value:{sign}.1f}"
    return text.replace("-", "−")


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
    return f"{n_star:,.0f} [{'below range' if low == 0 else f'{low:,.0f}'}, {'above range' if math.isinf(high) else f'{high:,.0f}'}]"


def shares(*values: float) -> str:
    """Shares in per cent; "" where they are unknown."""
    return "" if any(math.isnan(value) for value in values) else ", ".join(f"{100 * value:.1f} %" for value in values)


def chance(p: float) -> str:
    """A p value; – for NaN."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 1 else "1"


def least_seeds(family: int, alpha: float) -> int:
    """The fewest seeds whose sign-flip floor, times the family, is below alpha."""
    n = 1
    while sign_flip_floor(n) * family >= alpha:
        n += 1
    return n


def supported(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why a claim is supported."""
    slopes = [part for part in case.parts if part.kind == "slope"]
    trend = "".join(f", {part.label} {_said(part, case)}" for part in slopes)
    return f"{_compared(case, pooled, baseline)}{trend}; {_p(p.support, p.family)}."


def refuted(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why a claim is refuted."""
    return f"{_compared(case, pooled, baseline)}; {_p(p.against, p.family)}."


def equivalent(case: Evidence, pooled: Part, baseline: str, p: Adjusted) -> str:
    """Why the arms are equivalent."""
    p_text = _p(p.equal, p.family).removeprefix("exact sign-flip ")
    return f"{_compared(case, pooled, baseline)}, which is none within {_margin(case)}; TOST, {p_text}."


def too_few(case: Evidence, pooled: Part, p: Adjusted, alpha: float) -> str:
    """Why fewer than two seeds settle nothing."""
    have = "one seed" if case.seeds else "no seed with every cell"
    return (
        f"{have}: an interval needs two and p < {_plain(alpha)} needs {least_seeds(p.family, alpha)} "
        f"(Δ {number(pooled.estimate, case.claim.outcome)} {unit(case.claim.outcome)} so far)."
    )


def unsettled(case: Evidence, pooled: Part, baseline: str, p: Adjusted, alpha: float) -> str:
    """What kept a verdict from falling."""
    said = _compared(case, pooled, baseline)
    if sign_flip_floor(case.seeds) * p.family >= alpha:
        floor = chance(sign_flip_floor(case.seeds) * p.family)
        return (
            f"{said}, but with {case.seeds} seeds no p can fall below {floor}"
            f"{' (Holm)' if p.family > 1 else ''}: {least_seeds(p.family, alpha)} are needed."
        )
    failing = next((part for part in case.parts if not part.holds), None)
    if failing is None:
        return f"{said}, yet {_p(p.support, p.family)}."
    if failing.label == pooled.label or len(case.parts) == 1:
        return f"{said}: neither a difference nor its absence (within {_margin(case)}) is shown."
    return f"{said}, but {failing.label} {_said(failing, case)} does not show it."


def _compared(case: Evidence, pooled: Part, baseline: str) -> str:
    arms = " and ".join(f"'{arm}'" for arm in case.claim.arms)
    better = "better" if pooled.estimate > 0 else "worse"
    size = interval(abs(pooled.estimate), *_mirrored(pooled), case.claim.outcome).removeprefix("+")
    where = f" over {case.claim.name} in range" if case.claim.x else ""
    cells = f" (above 0 in {pooled.above}, below in {pooled.below} of {pooled.cells} cells)" if pooled.cells > 1 else ""
    return (
        f"{arms} is {better} than '{baseline}' by {size} {unit(case.claim.outcome)}{where}, {pooled.seeds} seeds{cells}"
    )


def _mirrored(part: Part) -> tuple[float, float]:
    """The limits of the size of a difference, given its sign apart."""
    return (part.low, part.high) if part.estimate > 0 else (-part.high, -part.low)


def _said(part: Part, case: Evidence) -> str:
    return interval(part.estimate, part.low, part.high, case.claim.outcome)


def _margin(case: Evidence) -> str:
    return f"±{number(MARGINS[case.claim.outcome], case.claim.outcome, signed=False)} {unit(case.claim.outcome)}"


def _p(p: float, family: int) -> str:
    text = chance(p)
    text = f"p {text}" if text.startswith("<") else f"p = {text}"
    return f"{text} after Holm over {family} claims" if family > 1 else f"exact sign-flip {text}"


def _plain(value: float) -> str:
    return f"{value:g}".removeprefix("0")
