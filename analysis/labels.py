"""What to call the arms and conditions of a sweep, from what varies in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import pandas as pd

SCIENCE = ("model", "data", "train", "score")
"""Groups of the config in which two runs must agree to be compared, beside the seed; the mask is
what is compared, and all else says how a run was carried out.
"""

JUDGE = "config.score.judge."
"""Who judges the answers: no more of a run's settings than the scores that are added later."""

CONTENTS = {"contents.data": "data contents", "contents.weights": "weights contents"}
"""Columns with hashes of what files held, and how labels call them."""

WHOSE = ("config.model.name", "config.data.name")
"""Columns that say what was trained on what."""

ARM_ORDER = ("full", "none", "template", "partial", "hierarchical", "prompt_weight")
"""Masks in the order in which tables and legends name them; others follow by name."""


def science(runs: pd.DataFrame, vary: Iterable[str] = ()) -> list[str]:
    """Columns in which the arms of one comparison must agree: settings and contents, but the mask's
    and `vary`.

    `data.size` gives way to `n_examples`, which says the same for "small" and for 100.
    """
    free = {"config.data.size", *(f"config.{key}" for key in vary)}
    groups = tuple(f"config.{group}." for group in SCIENCE)
    kept = [
        name
        for name in runs.columns
        if name.startswith(groups) and not name.startswith(JUDGE) and name not in free
    ]
    return [*kept, *(name for name in CONTENTS if name in runs.columns)]


def varying(runs: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Of these columns, those with more than one value; a missing value counts as one."""
    return [name for name in names if runs[name].nunique(dropna=False) > 1]


def factors(runs: pd.DataFrame) -> list[str]:
    """Columns that vary beside mask, size and seed, less those that the others decide.

    So `model.name` stands for layers and width. A model or a set that goes with the size stays a
    factor, since sizes of two sets make no curve. A learning rate tuned by model, size and mask is
    no factor, a split that is drawn anew with each seed neither, and the contents of two files
    count only where nothing else tells them apart.
    """
    found = varying(runs, science(runs))
    kept: list[str] = []
    for name in sorted(found, key=lambda name: (name in CONTENTS, not name.endswith(".name"))):
        keys = ["mask", *kept] if name in WHOSE else ["mask", "n_examples", *kept]
        if name == "config.data.seed" or name in CONTENTS:
            keys.append("seed")
        within = [runs[key].astype("str") for key in keys]
        if runs[name].astype("str").groupby(within).nunique().max() > 1:
            kept.append(name)
    return kept


def contents(runs: pd.DataFrame) -> pd.DataFrame:
    """Hashes of the data and of the initial weights that runs read, the same for every seed.

    As recorded; from older records the hash of the held-out examples, and for weights that are
    drawn and not read, nothing.
    """
    data = _recorded(runs, "provenance.data", runs["fairness.test"])
    weights = _recorded(runs, "provenance.weights", runs["fairness.weights"])
    if "config.model.weights" in runs:
        weights = weights.where(runs["config.model.weights"] != "random", "drawn")
    return pd.DataFrame({"contents.data": data.str[:8], "contents.weights": weights.str[:8]})


def _recorded(runs: pd.DataFrame, column: str, fallback: pd.Series) -> pd.Series:
    """A column of hashes, with another's where it has none."""
    if column not in runs:
        return fallback
    return runs[column].astype("str").where(runs[column].notna(), fallback)


def conditions(runs: pd.DataFrame) -> pd.Series:
    """A label per run of its factors' values, such as "model nano, normalize joint"; "" where
    nothing varies.
    """
    labels = pd.Series("", index=runs.index, dtype="str")
    for name in factors(runs):
        part = short(name) + " " + runs[name].map(plain)
        labels = labels.where(labels == "", labels + ", ") + part
    return labels


def short(name: str) -> str:
    """A column as labels call it: `config.data.prompt_words` is "prompt words"."""
    if name in CONTENTS:
        return CONTENTS[name]
    parts = name.split(".")
    last = parts[-2] if parts[-1] == "name" else parts[-1]
    return last.replace("_", " ")


def arms(runs: pd.DataFrame) -> pd.Series:
    """A label per run of its mask: its name, and what tells masks of one name apart.

    Settings that say nothing are left out: a role that keeps 1, a role that weighs 0.
    """
    labels = runs["mask"].astype("str").copy()
    settings = [
        name
        for name in runs.columns
        if name.startswith("config.mask.") and name != "config.mask.name"
    ]
    for _, group in runs.groupby("mask"):
        for name in varying(group, settings):
            values = runs.loc[group.index, name]
            idle = {"keep": 1.0, "weight": 0.0}.get(name.split(".")[2])
            said = values.notna() & (values != idle)
            if len(set(values.where(said).map(str))) > 1:
                added = name.removeprefix("config.mask.") + "=" + values.map(plain)
                own = labels[group.index]
                # `prompt_weight=0.1` and not `prompt_weight prompt_weight=0.1`.
                joined = added.where(own == name.removeprefix("config.mask."), own + " " + added)
                labels.loc[group.index] = joined.where(said, own)
    return labels


def arm_order(names: Iterable[str], baseline: str = "full") -> list[str]:
    """The arms as tables and legends name them: the baseline first."""
    known = {name: place for place, name in enumerate((baseline, *ARM_ORDER))}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def condition_order(runs: pd.DataFrame) -> list[str]:
    """The conditions from the smallest model to the largest, then by name."""
    sizes = runs.groupby("condition")["parameters"].min().fillna(0.0)
    return sorted(sizes.index, key=lambda name: (sizes[name], _natural(name)))


def _natural(name: str) -> list[tuple[float, str]]:
    """A key that sorts numbers within names by value: epochs 4 before epochs 10."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", name)
    return [
        (float(part), "") if place % 2 else (math.inf, part) for place, part in enumerate(parts)
    ]


def plain(value: object) -> str:
    """A value as a person writes it: no trailing .0."""
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
