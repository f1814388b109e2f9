"""Pairs of runs that differ in the mask alone, and the gate that refuses the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from analysis.labels import factors, plain, science, short, varying
from analysis.load import Problem
from analysis.outcomes import measured

FAIRNESS = ("fairness.examples", "fairness.batches", "fairness.test", "fairness.weights", "steps")
"""What both runs of a pair must share: subset, order and packs, held-out set, initial weights,
optimiser steps.
"""

SAME_CONTENTS = ["fairness.examples", "fairness.test", "fairness.weights"]
"""What tells runs of one config apart that read other files."""

TOLD = (
    "sweep", "run", "arm", "provenance.threads", "provenance.device", "provenance.gpus",
)  # fmt: skip
"""What else is looked at of runs that are to be paired."""

KEPT = ("sweep", "condition", "arm", "n_examples", "seed", "normalize", "model", "parameters")
LENGTHS = ("length.prompt", "length.answer", "length.total", "length.ratio")
GAIN = ("nll.base.answer",)

MOST_NAMED = 3
"""Keys in which a run without a partner differs that are named; beyond, they are counted."""


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
    # Of hundreds of columns these alone: each look at a group copies all that a frame has.
    wanted = dict.fromkeys((*keys, *FAIRNESS, *SAME_CONTENTS, *TOLD))
    told = runs[[name for name in wanted if name in runs.columns]]
    alike = told.groupby([runs[name].astype("str") for name in keys], sort=False)
    problems: list[Problem] = []
    rows: list[tuple[int, int]] = []
    for _, group in alike:
        # Of runs that are there twice, those that read the same files belong together.
        twice = group.duplicated("arm").any()
        parts = [part for _, part in group.groupby(SAME_CONTENTS)] if twice else [group]
        for part in parts:
            made, refused = _pair_alike(told, part, baseline, keys)
            rows += made
            problems += refused
    return Paired(_differences(runs, sorted(rows)), problems)


def _pair_alike(
    runs: pd.DataFrame, group: pd.DataFrame, baseline: str, keys: Sequence[str]
) -> tuple[list[tuple[int, int]], list[Problem]]:
    """The pairs among runs that are equal in all `keys`: arm's row and baseline's row."""
    base = group[group["arm"] == baseline]
    others = group[group["arm"] != baseline]
    if base.empty:
        every = runs[runs["arm"] == baseline]
        return [], [
            _problem(others.loc[row], "unpaired", _unlike(others.loc[row], every, keys))
            for row in others.index
        ]
    if len(base) > 1:
        message = f"{len(base)} runs of '{baseline}' are like it"
        return [], [_problem(group.loc[row], "ambiguous", message) for row in group.index]
    rows: list[tuple[int, int]] = []
    problems = []
    for arm, members in others.groupby("arm"):
        if len(members) > 1:
            message = f"{len(members)} runs of '{arm}'"
            problems += [_problem(members.loc[row], "ambiguous", message) for row in members.index]
            continue
        fault = _unfair(members.iloc[0], base.iloc[0])
        if fault:
            problems.append(_problem(members.iloc[0], "unfair", fault))
        else:
            rows.append((members.index[0], base.index[0]))
    return rows, problems


def _unlike(run: pd.Series, baselines: pd.DataFrame, keys: Sequence[str]) -> str:
    """Why a run has no partner: the keys in which the nearest run of the baseline differs."""
    own = run[list(keys)].astype("str")
    differ = baselines[list(keys)].astype("str") != own
    nearest = baselines.iloc[int(differ.sum(axis=1).to_numpy().argmin())]
    named = [name for name in keys if str(nearest[name]) != own[name]]
    said = [f"{_key(name)} is {plain(run[name])} against {plain(nearest[name])}" for name in named]
    if not said:
        said, named = ["its files held other contents"], [""]
    more = f" and {len(said) - MOST_NAMED} keys more" if len(said) > MOST_NAMED else ""
    return f"no run of '{nearest['arm']}' is like it: {', '.join(said[:MOST_NAMED])}{more}"


def _key(name: str) -> str:
    """A column as a user writes it on the command line."""
    if name.startswith("config."):
        return name.removeprefix("config.")
    return "training examples" if name == "n_examples" else short(name)


def _differences(runs: pd.DataFrame, rows: list[tuple[int, int]]) -> pd.DataFrame:
    """The pairs' table, in the order of the run table."""
    arm = runs.loc[[first for first, _ in rows]].reset_index(drop=True)
    base = runs.loc[[second for _, second in rows]].reset_index(drop=True)
    kept = [name for name in (*KEPT, *LENGTHS, *GAIN, *factors(runs)) if name in runs.columns]
    table = arm[kept].copy()
    table["run"] = [first for first, _ in rows]
    table["baseline_run"] = [second for _, second in rows]
    for one in measured(runs):
        table[one.column] = arm[one.column]
        table[f"baseline.{one.column}"] = base[one.column]
        table[one.delta] = one.sign * (arm[one.column] - base[one.column])
    return table


def _unfair(run: pd.Series, base: pd.Series) -> str:
    """Why two runs may not be compared; "" where they may."""
    differ = [
        (name.removeprefix("fairness."), str(run[name])[:8], str(base[name])[:8])
        for name in FAIRNESS
        if run[name] != base[name]
    ]
    own, other = run.get("provenance.threads"), base.get("provenance.threads")
    on_cpu = "cpu" in {run.get("provenance.device"), base.get("provenance.device")}
    # Sums over threads are rounded in another order, which training carries far.
    if on_cpu and pd.notna(own) and pd.notna(other) and own != other:
        differ.append(("threads", plain(own), plain(other)))
    if _gpus(run) != _gpus(base):  # so are sums over the shares of several GPUs
        differ.append(("gpus", plain(_gpus(run)), plain(_gpus(base))))
    return "; ".join(
        f"{name} differ from {base['run']}'s ({own} against {other})" for name, own, other in differ
    )


def _gpus(run: pd.Series) -> object:
    """How many GPUs trained a run together; records that do not tell are of one."""
    told = run.get("provenance.gpus")
    return 1 if pd.isna(told) else told


def _problem(run: pd.Series, kind: str, message: str) -> Problem:
    return Problem(run["sweep"], run["run"], kind, message)


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
