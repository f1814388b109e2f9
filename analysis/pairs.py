"""Pairs of runs that differ in the mask alone, and the gate that refuses the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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


Values = Mapping[str, Any]
"""Column -> value, of one run."""


class Row(NamedTuple):
    """A run, by its row of the run table."""

    number: int
    values: Values


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
    # Of hundreds of columns these alone, and as plain values: a frame takes milliseconds a look.
    wanted = dict.fromkeys((*keys, *FAIRNESS, *SAME_CONTENTS, *TOLD))
    told = runs[[name for name in wanted if name in runs.columns]]
    alike: dict[tuple[str, ...], list[Row]] = {}
    cells = zip(*(runs[name].astype("str") for name in keys), strict=True)
    for cell, number, values in zip(cells, told.index, told.to_dict("records"), strict=True):
        alike.setdefault(cell, []).append(Row(number, {str(k): v for k, v in values.items()}))
    problems: list[Problem] = []
    rows: list[tuple[int, int]] = []
    for group in alike.values():
        for part in _same_contents(group):
            made, refused = _pair_alike(told, part, baseline, keys)
            rows += made
            problems += refused
    return Paired(_differences(runs, sorted(rows)), problems)


def _same_contents(group: list[Row]) -> list[list[Row]]:
    """Of runs that are there twice, those that read the same files belong together."""
    if len({row.values["arm"] for row in group}) == len(group):
        return [group]
    parts: dict[tuple[str, ...], list[Row]] = {}
    for row in group:
        contents = tuple(str(row.values.get(name)) for name in SAME_CONTENTS)
        parts.setdefault(contents, []).append(row)
    return [parts[contents] for contents in sorted(parts)]


def _pair_alike(
    runs: pd.DataFrame, group: list[Row], baseline: str, keys: Sequence[str]
) -> tuple[list[tuple[int, int]], list[Problem]]:
    """The pairs among runs that are equal in all `keys`: arm's row and baseline's row."""
    arms: dict[str, list[Row]] = {}
    for row in group:
        arms.setdefault(row.values["arm"], []).append(row)
    base = arms.pop(baseline, [])
    if not base:
        every = runs[runs["arm"] == baseline]
        return [], [_problem(row, "unpaired", _unlike(row.values, every, keys)) for row in group]
    if len(base) > 1:
        message = f"{len(base)} runs of '{baseline}' are like it"
        return [], [_problem(row, "ambiguous", message) for row in group]
    rows: list[tuple[int, int]] = []
    problems = []
    for arm in sorted(arms):
        members = arms[arm]
        if len(members) > 1:
            message = f"{len(members)} runs of '{arm}'"
            problems += [_problem(row, "ambiguous", message) for row in members]
            continue
        fault = _unfair(members[0].values, base[0].values)
        if fault:
            problems.append(_problem(members[0], "unfair", fault))
        else:
            rows.append((members[0].number, base[0].number))
    return rows, problems


def _unlike(run: Values, baselines: pd.DataFrame, keys: Sequence[str]) -> str:
    """Why a run has no partner: the keys in which the nearest run of the baseline differs."""
    own = pd.Series({name: str(run[name]) for name in keys})
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


def _unfair(run: Values, base: Values) -> str:
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


def _gpus(run: Values) -> object:
    """How many GPUs trained a run together; records that do not tell are of one."""
    told = run.get("provenance.gpus")
    return 1 if pd.isna(told) else told


def _problem(row: Row, kind: str, message: str) -> Problem:
    return Problem(row.values["sweep"], row.values["run"], kind, message)


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
