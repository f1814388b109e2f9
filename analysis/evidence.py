"""What the pairs have to say of a claim: the differences of each of its declared cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from analysis import scaling
from analysis.claims import Claim, Level
from analysis.labels import factors, plain, short
from analysis.outcomes import PRIMARY

NONE = pd.Series(dtype=float)


class Cell(NamedTuple):
    """One declared cell.

    Attributes:
        label: the arm and the levels that make the cell.
        explored: Δ, or its slope, of each seed that may have chosen something, by seed.
        fresh: the same of the seeds that the claim keeps for confirmation.
        gain: mean NLL(base) − NLL(baseline), of which Δ is a share; NaN for other outcomes.
        lacking: why there are no differences; "" where there are.
    """

    label: str
    explored: pd.Series
    fresh: pd.Series
    gain: float = math.nan
    lacking: str = ""


def gather(claim: Claim, runs: pd.DataFrame, pairs: pd.DataFrame) -> list[Cell]:
    """The declared cells of a claim, in their order.

    Cells are never pooled: a factor that the claim does not declare and that has several levels
    within a cell leaves the cell without differences, and says so.

    Args:
        claim: the claim.
        runs: the run table.
        pairs: the pairs' table, of the runs that were made for this claim.
    """
    pairs = pairs.dropna(subset=[claim.judged.delta]) if claim.judged.delta in pairs else pairs[:0]
    declared = {name: levels for name, levels in claim.cells.items() if name != claim.along}
    cells = []
    for arm in claim.arms:
        for levels in itertools.product(*declared.values()):
            chosen = dict(zip(declared, levels, strict=True))
            inside = _inside(pairs[pairs["arm"] == arm], runs, chosen)
            cells.append(_cell(claim, _label(claim, arm, chosen), inside, runs))
    return cells


def _cell(claim: Claim, label: str, inside: pd.DataFrame, runs: pd.DataFrame) -> Cell:
    if inside.empty:
        return Cell(label, NONE, NONE, lacking=f"no fair pair with '{claim.baseline}'")
    mixed = _undeclared(claim, inside, runs)
    if mixed:
        return Cell(label, NONE, NONE, lacking=f"{mixed} varies within it: declare its levels")
    values = (
        _slopes(claim, inside, runs)
        if claim.trend
        else inside.set_index("seed")[claim.judged.delta]
    )
    if values.empty:
        return Cell(label, NONE, NONE, lacking=f"no seed has every level of {claim.along}")
    confirms = pd.Series(data=False, index=values.index)
    if claim.confirm:
        seeds = values.index.to_series()
        confirms = seeds.between(claim.confirm.first, claim.confirm.last)
    gain = math.nan
    if claim.outcome == PRIMARY and not claim.trend:
        gain = float((inside["nll.base.answer"] - inside[f"baseline.{PRIMARY}"]).mean())
    return Cell(label, values[~confirms], values[confirms], gain)


def _slopes(claim: Claim, inside: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Each seed's slope of Δ along the trend's factor, of the seeds that have every level."""
    along = _values(inside, runs, claim.along).astype(float)
    table = inside.assign(level=along).pivot_table(
        index="seed", columns="level", values=claim.judged.delta
    )
    table = table.reindex(columns=sorted(float(level) for level in claim.cells[claim.along]))
    whole = table.dropna()
    if whole.empty:
        return pd.Series(dtype=float)
    slopes = scaling.slopes(whole.columns.to_numpy(float), whole.to_numpy())
    return pd.Series(slopes, whole.index)


def _inside(pairs: pd.DataFrame, runs: pd.DataFrame, chosen: dict[str, Level]) -> pd.DataFrame:
    """The pairs that lie at these levels."""
    for name, level in chosen.items():
        pairs = pairs[_values(pairs, runs, name).map(plain) == plain(level)]
    return pairs


def _values(pairs: pd.DataFrame, runs: pd.DataFrame, name: str) -> pd.Series:
    """A factor's value for each pair; empty where no run has such a key."""
    for column in (name, f"config.{name}"):
        if column in runs:
            return runs[column].reindex(pairs["run"]).set_axis(pairs.index)
    return pd.Series(math.nan, pairs.index)


def _undeclared(claim: Claim, inside: pd.DataFrame, runs: pd.DataFrame) -> str:
    """A factor with several levels among pairs that the claim counts as one cell; "" for none."""
    keys = ["seed", claim.along] if claim.trend else ["seed"]
    levels = inside.assign(**{key: _values(inside, runs, key) for key in keys if key})
    if not levels.duplicated(keys).any():
        return ""
    named: Sequence[str] = [
        name
        for name in factors(runs)
        if _values(inside, runs, name).nunique() > 1
        and name.removeprefix("config.") not in claim.cells
    ]
    return ", ".join(name.removeprefix("config.") for name in named) or "something"


def _label(claim: Claim, arm: str, chosen: dict[str, Level]) -> str:
    """The arm where there are several, and the levels that not all cells share."""
    parts = [f"'{arm}'"] if len(claim.arms) > 1 else []
    for name, level in chosen.items():
        if len(claim.cells[name]) > 1:
            count = isinstance(level, int) and name == "n_examples"
            shown = f"{level:,}" if count else plain(level)
            parts.append(f"N = {shown}" if name == "n_examples" else f"{short(name)} {shown}")
    return ", ".join(parts) or "the one cell"
