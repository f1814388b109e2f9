"""Pairs to effects: one row for each arm, condition and size, with every statistic of its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import scaling, sign_flips, stats
from analysis.columns import rows
from analysis.outcomes import NATS, PRIMARY, Outcome, at_bound

CELL = ["condition", "arm", "n_examples"]

LEAST_FOR_EQUIVALENCE = 5
"""Seeds below which no equivalence is told: a t interval of fewer rests on normality alone."""

ALPHA = 0.05
"""Level of a mask's verdict, two-sided, adjusted over every cell of every arm that could reach it:
what is exploratory is adjusted for all that was looked at.
"""


def effects(pairs: pd.DataFrame, outcome: Outcome, rng: np.random.Generator) -> pd.DataFrame:
    """The statistics of Δ in each cell.

    Args:
        pairs: the pairs' table.
        outcome: what is compared.
        rng: for the sign-flip test of many seeds.

    Returns:
        A row per cell: n, the arm's and the baseline's mean, delta with low and high (95 %), sd, p
        (two-sided sign-flip), adjusted (p over all rows whose floor is below `ALPHA`; of the
        others, over all rows), floor (the least p that n seeds can give), equivalence (p of TOST;
        NaN where too few seeds or a score's bound forbid it), bound ("floor" or "ceiling"), iqm,
        improvement (probability of), ratio of lengths; for the primary outcome also share (of the
        baseline's gain) and worth (data equivalents).
    """
    cells = []
    for cell, group in pairs.groupby(CELL, sort=False):
        whole = group.dropna(subset=[outcome.delta])
        if len(whole):
            cells.append(dict(zip(CELL, cell, strict=True)) | _statistics(whole, outcome, rng))
    table = pd.DataFrame(cells)
    if table.empty:
        return table
    seeds = pairs.pivot_table(index="seed", columns=CELL, values=outcome.delta, aggfunc="mean")
    order = pd.MultiIndex.from_frame(table[CELL])
    table["adjusted"] = sign_flips.step_down_apart(
        seeds[order].to_numpy(), table["floor"] < ALPHA, rng, two_sided=True
    )
    if outcome.column == PRIMARY:
        table = table.assign(**_worth(table))
    return table


def _statistics(group: pd.DataFrame, outcome: Outcome, rng: np.random.Generator) -> dict[str, Any]:
    d = group[outcome.delta].to_numpy()
    arm, base = group[outcome.column], group[f"baseline.{outcome.column}"]
    interval = stats.paired_t(d)
    bound = at_bound(pd.Series([arm.mean(), base.mean()]), outcome)
    equal = len(d) >= LEAST_FOR_EQUIVALENCE and not bound
    gain = np.nan
    if outcome.column == PRIMARY and "nll.base.answer" in group:
        gain = float((group["nll.base.answer"] - base).mean())
    return {
        "n": len(d),
        "mean": arm.mean(),
        "baseline_mean": base.mean(),
        "delta": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "sd": d.std(ddof=1) if len(d) > 1 else np.nan,
        "p": sign_flips.sign_flip(d, rng),
        "floor": sign_flips.sign_flip_floor(len(d)),
        "equivalence": stats.tost(d, outcome.margin) if equal else np.nan,
        "bound": bound,
        "iqm": stats.interquartile_mean(d),
        "improvement": stats.probability_of_improvement(outcome.sign * arm, outcome.sign * base),
        "share": interval.estimate / gain if gain > 0 else np.nan,
        "ratio": group["length.ratio"].mean() if "length.ratio" in group else np.nan,
        "parameters": group["parameters"].mean(),
        "model": group["model"].iloc[0],
    }


def _worth(table: pd.DataFrame) -> dict[str, list[float]]:
    """How many times the examples the baseline would need to do as well as the arm, for Δ and its
    limits.
    """
    curves = {}
    for condition, cells in table.groupby("condition"):
        curve = cells.groupby("n_examples")["baseline_mean"].mean().sort_index()
        curves[condition] = (curve.index.to_numpy(float), curve.to_numpy(float))
    worth: dict[str, list[float]] = {"worth": [], "worth_low": [], "worth_high": []}
    for row in rows(table):
        sizes, losses = curves[row["condition"]]
        for name, delta in zip(worth, (row["delta"], row["low"], row["high"]), strict=True):
            loss = row["baseline_mean"] - delta
            worth[name].append(scaling.data_equivalent(sizes, losses, row["n_examples"], loss))
    return worth


def wide(
    pairs: pd.DataFrame, outcome: Outcome, x: str = "n_examples"
) -> tuple[np.ndarray, np.ndarray]:
    """Δ as seeds × levels of `x`, with the seeds that have every level.

    Returns:
        The levels, rising, [k]; and the differences, [n seeds, k].
    """
    table = pairs.pivot_table(
        index="seed", columns=x, values=outcome.delta, aggfunc="mean"
    ).dropna()
    return table.columns.to_numpy(dtype=np.float64), table.to_numpy(dtype=np.float64)


def trends(pairs: pd.DataFrame, outcome: Outcome, rng: np.random.Generator) -> pd.DataFrame:
    """For each condition and arm, the slope of Δ in log10 N and the crossover N*.

    Returns:
        A row each: seeds, sizes, slope with slope_low and slope_high, slope_p, and the fields of
            `scaling.Crossover`.
    """
    found = []
    for cell, group in pairs.groupby(["condition", "arm"], sort=False):
        sizes, table = wide(group, outcome)
        if len(sizes) < 2 or not len(table):
            continue
        slopes = scaling.slopes(sizes, table)
        slope = stats.paired_t(slopes)
        crossing = scaling.crossover(sizes, table, rng)
        found.append(
            dict(zip(CELL[:2], cell, strict=True))
            | {
                "seeds": len(table),
                "sizes": len(sizes),
                "slope": slope.estimate,
                "slope_low": slope.low,
                "slope_high": slope.high,
                "slope_p": sign_flips.sign_flip(slopes, rng),
                "n_star": crossing.estimate,
                "n_star_low": crossing.low,
                "n_star_high": crossing.high,
                "none": crossing.none,
                "one": crossing.one,
                "several": crossing.several,
                "note": crossing.reason,
            }
        )
    return pd.DataFrame(found)


def over_prompts(
    pairs: pd.DataFrame,
    answers: pd.DataFrame,
    outcomes: Sequence[Outcome],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Intervals of Δ over seeds × prompts, in each cell, for all outcomes that prompts have.

    Args:
        pairs: the pairs' table; its `run` and `baseline_run` are rows of the run table.
        answers: one row per run and prompt, from `traces.responses`, on prompts of the test split.
        outcomes: the primary one is taken from the answers' nats, scores from their columns.
        rng: draws the resamples.

    Returns:
        A row per cell and outcome: outcome, seeds, prompts, delta, low, high.
    """
    if answers.empty:
        return pd.DataFrame()
    tokens = answers.groupby("id")["nats_tokens"].first()
    tables = {}
    for one in outcomes:
        column = "nats" if one.column == PRIMARY else one.column
        if column in answers and (one.unit != NATS or one.column == PRIMARY):
            tables[one] = answers.pivot_table(index="row", columns="id", values=column)
    found = []
    for cell, group in pairs.groupby(CELL, sort=False):
        label = dict(zip(CELL, cell, strict=True))
        for one, table in tables.items():
            interval = _over_prompts(group, table, one, tokens, rng)
            if interval:
                found.append(label | {"outcome": one.column} | interval)
    return pd.DataFrame(found)


def _over_prompts(
    group: pd.DataFrame,
    table: pd.DataFrame,
    outcome: Outcome,
    tokens: pd.Series,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The interval of one cell; empty where no prompt has a value in all its runs."""
    have = group[group["run"].isin(table.index) & group["baseline_run"].isin(table.index)]
    if have.empty:
        return {}
    arm, base = table.loc[have["run"]].to_numpy(), table.loc[have["baseline_run"]].to_numpy()
    differences = outcome.sign * (arm - base)
    whole = ~np.isnan(differences).any(0)
    if not whole.any():
        return {}
    nats = outcome.column == PRIMARY
    weight = tokens.reindex(table.columns).to_numpy(float) if nats else np.ones(len(whole))
    if weight[whole].sum() <= 0:
        return {}
    interval = stats.hierarchical(differences[:, whole], weight[whole], rng)
    return {"seeds": len(have), "prompts": int(whole.sum())} | interval._asdict()
