"""The tests that a claim stands on, worked out from pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import scaling, stats
from analysis.claims import Claim
from analysis.effects import MARGINS, wide


class Part(NamedTuple):
    """One test that a claim stands on.

    Attributes:
        label: what is tested, where.
        kind: "effect" or "slope".
        where: the value of the claim's `within`, "" for none.
        seeds: how many.
        estimate, low, high: mean and 95 % interval, in the outcome's unit (a slope: per tenfold of
            x).
        p: two-sided exact sign-flip p against the part's bound; 1 where the mean lies on the wrong
            side.
        against: the same for the opposite.
        equivalence: the largest p of TOST in any cell that the part is the mean of; NaN for a
            slope.
        cells, above, below: how many cells those are, and in how many the interval lies above or
            below 0.
        holds: whether the interval lies wholly on the claim's side of the bound.
    """

    label: str
    kind: str
    where: str
    seeds: int
    estimate: float
    low: float
    high: float
    p: float
    against: float
    equivalence: float
    cells: int
    above: int
    below: int
    holds: bool


class Evidence(NamedTuple):
    """What the pairs have to say of a claim.

    Attributes:
        claim: the claim.
        parts: every test that it stands on; empty where something is lacking.
        pooled: the effect over all levels in the claim's range; None where something is lacking.
        lacking: what the sweep would need; "" for nothing.
    """

    claim: Claim
    parts: tuple[Part, ...]
    pooled: Part | None
    lacking: str

    @property
    def seeds(self) -> int:
        """Seeds of the part with the fewest."""
        return min((part.seeds for part in self.parts), default=0)


def gather(claim: Claim, pairs: pd.DataFrame, rng: np.random.Generator) -> Evidence:
    """Test all that the claim says."""
    column, values = claim.within
    parts: list[Part] = []
    inside = []
    for where in values or ("",):
        for arm in claim.arms:
            group = pairs[pairs["arm"] == arm].dropna(subset=[f"delta.{claim.outcome}"])
            group = group[group[column] == where] if column else group
            name = " ".join(
                filter(
                    None,
                    (f"'{arm}'" if len(claim.arms) > 1 else "", where if len(values) > 1 else ""),
                )
            )
            if group.empty:
                return Evidence(
                    claim,
                    (),
                    None,
                    f"no fair pair of '{arm}' and the baseline"
                    + (f" with {column}={where}" if column else ""),
                )
            if not claim.x:
                parts.append(_part(claim, group, name or "all cells", where, rng))
                inside.append(group)
                continue
            # Lengths are measured: a condition's runs share one level.
            group = group.assign(level=_levels(group, claim.x))
            near = group[group["level"].between(claim.low, claim.high)]
            if near.empty:
                return Evidence(
                    claim,
                    (),
                    None,
                    f"no runs with {claim.name} from {claim.low:g} to {claim.high:g}",
                )
            inside.append(near)
            for level, cell in near.groupby("level"):
                parts.append(
                    _part(claim, cell, f"{name} {claim.name} = {level:,.0f}".strip(), where, rng)
                )
            if claim.slope:
                levels, table = wide(group, claim.outcome, "level")
                if len(levels) < 2 or not len(table):
                    return Evidence(claim, (), None, f"one {claim.name} alone: no slope")
                slope = scaling.slopes(levels, table)
                label = f"{name} slope per tenfold {claim.name}".strip()
                parts.append(_test(slope, label, "slope", where, claim.slope, 0.0, rng))
    pooled = _part(claim, pd.concat(inside), "all cells in range", "", rng)
    return Evidence(claim, tuple(parts), pooled, "")


def _levels(group: pd.DataFrame, x: str) -> pd.Series:
    return (
        group[x] if x == "n_examples" else group.groupby("condition")[x].transform("mean").round(6)
    )


def _part(
    claim: Claim, cells: pd.DataFrame, label: str, where: str, rng: np.random.Generator
) -> Part:
    """The effect over cells: each seed's mean, of the seeds that have every cell."""
    table = cells.pivot_table(
        index="seed",
        columns=["condition", "n_examples", "arm"],
        values=f"delta.{claim.outcome}",
        aggfunc="mean",
    )
    whole = table.dropna()
    margin = MARGINS[claim.outcome]
    part = _test(whole.mean(axis=1).to_numpy(), label, "effect", where, *edge(claim), rng)
    # Gains here and losses there may cancel in the mean: equivalence must show in every cell.
    each = [stats.paired_t(column) for column in whole.to_numpy().T]
    return part._replace(
        equivalence=max(stats.tost(column, margin) for column in whole.to_numpy().T),
        cells=len(each),
        above=sum(interval.low > 0 for interval in each),
        below=sum(interval.high < 0 for interval in each),
    )


def edge(claim: Claim) -> tuple[int, float]:
    """The side on which Δ must lie, +1 or −1, and the bound beyond which."""
    return (-1 if claim.effect == "worse" else 1), (
        -MARGINS[claim.outcome] if claim.effect == "not worse" else 0.0
    )


def _test(
    d: np.ndarray,
    label: str,
    kind: str,
    where: str,
    sign: int,
    bound: float,
    rng: np.random.Generator,
) -> Part:
    """Whether sign · mean > sign · bound, and the opposite."""
    interval = stats.paired_t(d)
    p = stats.sign_flip(d - bound, rng)
    right = sign * (interval.estimate - bound) > 0
    nearest = interval.low if sign > 0 else interval.high
    return Part(
        label=label,
        kind=kind,
        where=where,
        seeds=len(d),
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        p=p if right else 1.0,
        against=1.0 if right else p,
        equivalence=math.nan,
        cells=1,
        above=int(interval.low > 0),
        below=int(interval.high < 0),
        holds=bool(sign * (nearest - bound) > 0),
    )
