"""Pairs to effects: one row for each arm, condition and size, with every statistic of its seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import scaling, stats
from analysis.pairs import CO_PRIMARY, PRIMARY

MARGINS = {PRIMARY: 0.02, CO_PRIMARY: 0.02}
"""Differences that count as none: .02 nats/token, 2 points."""

CELL = ["condition", "arm", "n_examples"]


def effects(pairs: pd.DataFrame, outcome: str, rng: np.random.Generator) -> pd.DataFrame:
    """The statistics of Δ in each cell.

    Args:
        pairs: the pairs' table.
        outcome: the column whose differences are judged.
        rng: for the sign-flip test of many seeds.

    Returns:
        A row per cell: n, the arm's and the baseline's mean, delta with low and high (95 %), sd, p
            (sign-flip),
        floor (the least p that n seeds can give), q (Benjamini–Hochberg over all rows), equivalence
        (p of TOST), iqm, improvement (probability of), and the mean length ratio.
    """
    rows = []
    for cell, group in pairs.groupby(CELL, sort=False):
        group = group.dropna(subset=[f"delta.{outcome}"])
        d = group[f"delta.{outcome}"].to_numpy()
        if not len(d):
            continue
        interval = stats.paired_t(d)
        sign = -1.0 if outcome.startswith("nll.") else 1.0
        rows.append(
            dict(zip(CELL, cell, strict=True))
            | {
                "n": len(d),
                "mean": group[outcome].mean(),
                "baseline_mean": group[f"baseline.{outcome}"].mean(),
                "delta": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "sd": d.std(ddof=1) if len(d) > 1 else np.nan,
                "p": stats.sign_flip(d, rng),
                "floor": stats.sign_flip_floor(len(d)),
                "equivalence": stats.tost(d, MARGINS.get(outcome, 0.02)),
                "iqm": stats.interquartile_mean(d),
                "improvement": stats.probability_of_improvement(
                    sign * group[outcome], sign * group[f"baseline.{outcome}"]
                ),
                "ratio": group["length.ratio"].mean() if "length.ratio" in group else np.nan,
                "parameters": group["parameters"].mean(),
                "model": group["model"].iloc[0],
            }
        )
    table = pd.DataFrame(rows)
    if not table.empty:
        table["q"] = stats.benjamini_hochberg(table["p"])
    return table


def wide(pairs: pd.DataFrame, outcome: str, x: str = "n_examples") -> tuple[np.ndarray, np.ndarray]:
    """Δ as seeds × levels of `x`, with the seeds that have every level; other factors are averaged
    within a seed.

    Returns:
        The levels, rising, [k]; and the differences, [n seeds, k].
    """
    table = pairs.pivot_table(
        index="seed", columns=x, values=f"delta.{outcome}", aggfunc="mean"
    ).dropna()
    return table.columns.to_numpy(dtype=np.float64), table.to_numpy(dtype=np.float64)


def trends(pairs: pd.DataFrame, outcome: str, rng: np.random.Generator) -> pd.DataFrame:
    """For each condition and arm, the slope of Δ in log10 N and the crossover N*.

    Returns:
        A row each: seeds, sizes, slope with slope_low and slope_high, slope_p, and the fields of
            `scaling.Crossover`.
    """
    rows = []
    for cell, group in pairs.groupby(["condition", "arm"], sort=False):
        sizes, table = wide(group, outcome)
        if len(sizes) < 2 or not len(table):
            continue
        slopes = scaling.slopes(sizes, table)
        slope = stats.paired_t(slopes)
        crossing = scaling.crossover(sizes, table, rng)
        rows.append(
            dict(zip(CELL[:2], cell, strict=True))
            | {
                "seeds": len(table),
                "sizes": len(sizes),
                "slope": slope.estimate,
                "slope_low": slope.low,
                "slope_high": slope.high,
                "slope_p": stats.sign_flip(slopes, rng),
                "n_star": crossing.estimate,
                "n_star_low": crossing.low,
                "n_star_high": crossing.high,
                "none": crossing.none,
                "one": crossing.one,
                "several": crossing.several,
                "note": crossing.reason,
            }
        )
    return pd.DataFrame(rows)


def over_prompts(
    pairs: pd.DataFrame,
    answers: pd.DataFrame,
    rng: np.random.Generator,
    cells: Sequence[str] = tuple(CELL),
) -> pd.DataFrame:
    """Intervals of Δ response NLL and Δ exact match over seeds × prompts, in each cell.

    Args:
        pairs: the pairs' table; its `run` and `baseline_run` are rows of the run table.
        answers: one row per run and prompt, from `traces.responses`, on prompts of the test split.
        rng: draws the resamples.
        cells: columns that make a cell.

    Returns:
        A row per cell and outcome: outcome, seeds, prompts, delta, low, high.
    """
    if answers.empty:
        return pd.DataFrame()
    nats = answers.pivot_table(index="row", columns="id", values="nats")
    tokens = answers.groupby("id")["nats_tokens"].first().reindex(nats.columns).to_numpy(float)
    exact = (
        answers.pivot_table(index="row", columns="id", values=CO_PRIMARY)
        if CO_PRIMARY in answers
        else None
    )
    rows = []
    for cell, group in pairs.groupby(list(cells), sort=False):
        have = group[group["run"].isin(nats.index) & group["baseline_run"].isin(nats.index)]
        if have.empty:
            continue
        label = dict(zip(cells, cell, strict=True))
        base = nats.loc[have["baseline_run"]].to_numpy()
        tables = [(PRIMARY, base - nats.loc[have["run"]].to_numpy(), tokens)]
        if exact is not None and set(have["run"]) | set(have["baseline_run"]) <= set(exact.index):
            base = exact.reindex(columns=nats.columns).loc[have["baseline_run"]].to_numpy()
            found = exact.reindex(columns=nats.columns).loc[have["run"]].to_numpy() - base
            tables.append((CO_PRIMARY, found, np.ones_like(tokens)))
        for outcome, table, weight in tables:
            whole = ~np.isnan(table).any(0)
            if not whole.any():
                continue
            found_interval = stats.hierarchical(table[:, whole], weight[whole], rng)
            rows.append(
                label
                | {"outcome": outcome, "seeds": len(have), "prompts": int(whole.sum())}
                | found_interval._asdict()
            )
    return pd.DataFrame(rows)
