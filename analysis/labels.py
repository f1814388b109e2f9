"""What to call the arms and conditions of a sweep, from what varies in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import pandas as pd

NOT_SCIENCE = (
    "sweep",
    "runs",
    "device",
    "threads",
    "claim",
    "retry",
    "force",
    "checkpoint_seconds",
)
"""Top config keys that cannot change what a run finds: two runs may differ in them and still be
compared.
"""

ARM_ORDER = ("full", "none", "template", "partial", "hierarchical", "prompt_weight")
"""Masks in the order in which tables and legends name them; others follow by name."""


def science(runs: pd.DataFrame, vary: Iterable[str] = ()) -> list[str]:
    """Config columns in which the arms of one comparison must agree: all but the mask's and `vary`.

    `data.size` gives way to `n_examples`, which says the same for "small" and for 100.
    """
    free = {"data.size", *vary}
    keys = [name.removeprefix("config.") for name in runs.columns if name.startswith("config.")]
    kept = [
        key for key in keys if key.split(".")[0] not in (*NOT_SCIENCE, "mask") and key not in free
    ]
    return [f"config.{key}" for key in kept]


def varying(runs: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Of these columns, those with more than one value; a missing value counts as one."""
    return [name for name in names if runs[name].nunique(dropna=False) > 1]


def factors(runs: pd.DataFrame) -> list[str]:
    """Config columns that vary beside mask, size and seed, less those that the others decide.

    So `model.name` stands for layers and width, and a learning rate tuned by model, size and mask
    is no factor.
    """
    found = [name for name in varying(runs, science(runs)) if name != "config.seed"]
    kept: list[str] = []
    for name in sorted(found, key=lambda name: not name.endswith(".name")):
        within = [runs[key].astype("str") for key in ("mask", "n_examples", *kept)]
        if runs[name].astype("str").groupby(within).nunique().max() > 1:
            kept.append(name)
    return kept


def conditions(runs: pd.DataFrame) -> pd.Series:
    """A label per run of its factors' values, such as "model nano, normalize joint"; "" where
    nothing varies.
    """
    labels = pd.Series("", index=runs.index, dtype="str")
    for name in factors(runs):
        parts = name.split(".")
        short = parts[-2] if parts[-1] == "name" else parts[-1]
        part = short.replace("_", " ") + " " + runs[name].map(_plain)
        labels = labels.where(labels == "", labels + ", ") + part
    return labels


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
                added = " " + name.removeprefix("config.mask.") + "=" + values.map(_plain)
                labels.loc[group.index] += added.where(said, "")
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


def _plain(value: object) -> str:
    """A value as a person writes it: no trailing .0."""
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
