"""Numbers in words, the same in the terminal, in the report and in papers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.outcomes import POINTS, Outcome


def amount(value: float, outcome: Outcome, *, signed: bool = True) -> str:
    """An outcome's value: a score in points (of a hundred) to one digit, nats per token and other
    units to three; – for NaN.
    """
    if math.isnan(value):
        return "–"
    points = outcome.unit == POINTS
    shown = round(100 * value, 1) if points else round(value, 3)
    # What rounds to zero has no sign.
    sign = "+" if signed and shown else ""
    return f"{shown or 0.0:{sign}.{1 if points else 3}f}".replace("-", "−")


def interval(estimate: float, low: float, high: float, outcome: Outcome) -> str:
    """An estimate with its 95 % interval, or alone where there is none."""
    if math.isnan(low):
        return amount(estimate, outcome)
    return f"{amount(estimate, outcome)} [{amount(low, outcome)}, {amount(high, outcome)}]"


def place(n_star: float, low: float, high: float) -> str:
    """A crossover with its interval, open where it leaves the range; "" where there is none."""
    if math.isnan(n_star):
        return ""
    if math.isnan(low):
        return f"{n_star:,.0f}"
    first = "below range" if low == 0 else f"{low:,.0f}"
    last = "above range" if math.isinf(high) else f"{high:,.0f}"
    return f"{n_star:,.0f} [{first}, {last}]"


def worth(value: float, low: float, high: float) -> str:
    """A data equivalent, "1.8 × [1.2, 2.9]", open where it leaves the sizes that were run; "" where
    there is none.
    """
    if math.isnan(value):
        return ""
    first = _times(value)
    if math.isnan(low) or math.isnan(high):
        return first
    return f"{first} [{_times(low).removesuffix(' ×')}, {_times(high).removesuffix(' ×')}]"


def _times(value: float) -> str:
    if value == 0:
        return "below range"
    return "above range" if math.isinf(value) else f"{value:.2g} ×"


def percent(share: float) -> str:
    """A share in whole per cent with its sign; "" for what is no number."""
    if not math.isfinite(share):
        return ""
    shown = round(100 * share) or 0
    return f"{shown:+d} %".replace("-", "−") if shown else "0 %"


def shares(*values: float) -> str:
    """Shares in per cent; "" where they are unknown."""
    if any(math.isnan(value) for value in values):
        return ""
    return ", ".join(f"{100 * value:.1f} %" for value in values)


def chance(p: float, name: str = "") -> str:
    """A p value, `.012`, or with its name, `p = .012`; – for NaN."""
    if math.isnan(p):
        return "–"
    if p < 0.001:
        return f"{name} < .001".strip()
    shown = f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1"
    return f"{name} = {shown}" if name else shown


def listed(names: Sequence[str]) -> str:
    """Quoted names: "'a', 'b' and 'c'"."""
    quoted = [f"'{name}'" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
