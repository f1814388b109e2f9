"""Pairs of runs that differ in the mask alone, and the gate that refuses the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from analysis.labels import factors, science, varying
from analysis.load import Problem

FAIRNESS = ("fairness.examples", "fairness.batches", "fairness.test", "fairness.weights", "steps")
"""What both runs of a pair must share: subset, order and packs, held-out set, initial weights,
optimiser steps.
"""

PRIMARY = "nll.test.answer"
CO_PRIMARY = "scores.exact_match"

KEPT = ("sweep", "condition", "arm", "n_examples", "seed", "normalize", "model", "parameters")
LENGTHS = ("length.prompt", "length.answer", "length.total", "length.ratio")


class Paired(NamedTuple):
    """The pairs of a set of runs.

    Attributes:
        pairs: one row per arm's run that has a partner; `run` and `baseline_run` name the two by
            row of the run table; `delta.<outcome>` > 0 always means that the arm did better than
            the baseline.
        problems: what was refused or has no partner.
    """

    pairs: pd.DataFrame
    problems: list[Problem]


def pair(runs: pd.DataFrame, baseline: str = "full", vary: Sequence[str] = ()) -> Paired:
    """Pair every run of an arm with the baseline's run that is equal in all but the mask.

    Args:
        runs: the run table.
        baseline: the arm that all others are compared with.
        vary: config keys in which arms may differ as well, such as a learning rate tuned per arm.
    """
    keys = ["n_examples", "seed", *varying(runs, science(runs, vary))]
    key = pd.Series(
        list(zip(*(runs[name].astype("str") for name in keys), strict=True)), index=runs.index
    )
    problems: list[Problem] = []
    rows: list[tuple[int, int]] = []
    for _, group in runs.groupby(key, sort=False):
        base = group[group["arm"] == baseline]
        others = group[group["arm"] != baseline]
        if base.empty:
            problems += _problems(others, "unpaired", f"no run of '{baseline}' is like it")
            continue
        if len(base) > 1:
            problems += _problems(
                group, "ambiguous", f"{len(base)} runs of '{baseline}' are like it"
            )
            continue
        for arm, members in others.groupby("arm"):
            if len(members) > 1:
                problems += _problems(members, "ambiguous", f"{len(members)} runs of '{arm}'")
                continue
            fault = _unfair(members.iloc[0], base.iloc[0])
            if fault:
                problems += _problems(members, "unfair", fault)
            else:
                rows.append((members.index[0], base.index[0]))
    return Paired(_differences(runs, rows), problems)


def _differences(runs: pd.DataFrame, rows: list[tuple[int, int]]) -> pd.DataFrame:
    """The pairs' table, in the order of the run table."""
    rows = sorted(rows)
    arm = runs.loc[[first for first, _ in rows]].reset_index(drop=True)
    base = runs.loc[[second for _, second in rows]].reset_index(drop=True)
    kept = [name for name in (*KEPT, *LENGTHS, *factors(runs)) if name in runs.columns]
    table = arm[kept].copy()
    table["run"] = [first for first, _ in rows]
    table["baseline_run"] = [second for _, second in rows]
    for name in [PRIMARY, *(name for name in runs.columns if name.startswith("scores."))]:
        sign = -1.0 if name.startswith("nll.") else 1.0
        table[name] = arm[name]
        table[f"baseline.{name}"] = base[name]
        table[f"delta.{name}"] = sign * (arm[name] - base[name])
    return table


def _unfair(run: pd.Series, base: pd.Series) -> str:
    """Why two runs may not be compared; "" where they may."""
    differ = [
        (name, str(run[name]), str(base[name])) for name in FAIRNESS if run[name] != base[name]
    ]
    return "; ".join(
        f"{name.removeprefix('fairness.')} differ from {base['run']}'s ({own[:8]} against {other[:8]})"
        for name, own, other in differ
    )


def _problems(runs: pd.DataFrame, kind: str, message: str) -> list[Problem]:
    return [
        Problem(sweep, run, kind, message)
        for sweep, run in zip(runs["sweep"], runs["run"], strict=True)
    ]


def missing(runs: pd.DataFrame) -> pd.DataFrame:
    """The cells that the sweep should have and has not: every condition and size × every arm and
    seed seen.

    Returns:
        Columns condition, n_examples, arm, seed.
    """
    cells = runs[["condition", "n_examples"]].drop_duplicates()
    grid = cells.merge(runs[["arm"]].drop_duplicates(), "cross").merge(
        runs[["seed"]].drop_duplicates(), "cross"
    )
    have = runs[list(grid.columns)].drop_duplicates().assign(found=True)
    holes = grid.merge(have, "left")
    return (
        holes[holes["found"].isna()]
        .drop(columns="found")
        .sort_values(list(grid.columns), ignore_index=True)
    )
