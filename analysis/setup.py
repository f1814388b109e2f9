"""What was run, in a few lines: the head of a report and the set-up table of a paper."""

from __future__ import annotations

import pandas as pd

from analysis.judges import judges
from analysis.labels import plain
from analysis.study import Study

MOST_VALUES = 6
"""Different values that are listed; beyond, they are counted."""


def setup(study: Study) -> list[tuple[str, str]]:
    """Name and value of everything that a reader needs to know of the runs, in the order of asking.

    What the records do not hold is left out.
    """
    runs = study.runs
    rows = [
        ("model", _models(runs)),
        ("data", _data(runs)),
        ("template", values(runs, "config.data.template")),
        ("masks", ", ".join(study.arms)),
        ("training examples", values(runs, "n_examples")),
        ("test examples", values(runs, "config.data.test")),
        ("prompt length", _mean(runs, "length.prompt", "tokens")),
        ("response length", _mean(runs, "length.answer", "tokens, end token counted")),
        ("prompt / response", _mean(runs, "length.ratio", "")),
        ("special tokens written out", _specials(runs)),
        ("passes", values(runs, "epochs")),
        ("learning rate", _rates(study)),
        ("tokens per step", values(runs, "config.train.batch_tokens")),
        ("normaliser", values(runs, "normalize")),
        ("seeds", values(runs, "seed")),
    ]
    rows += [(f"judge {name}", told) for name, told in judges(_folders(study))]
    return [(name, value) for name, value in rows if value]


def values(runs: pd.DataFrame, column: str) -> str:
    """The different values of a column, or how many where they are too many."""
    if column not in runs:
        return ""
    return listing(runs[column])


def listing(column: pd.Series) -> str:
    """The different values of a column, in order."""
    different = column.dropna().drop_duplicates().sort_values()
    if len(different) > MOST_VALUES:
        ends = f"{_shown(different.iloc[0])} to {_shown(different.iloc[-1])}"
        return f"{len(different)} values, {ends}"
    return ", ".join(map(_shown, different))


def _shown(value: object) -> str:
    """A value as a person writes it: thousands apart."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return f"{value:,.0f}" if whole else plain(value)


def _models(runs: pd.DataFrame) -> str:
    """Each model with its size and the hash of its weights."""
    shown = []
    for name, group in runs.groupby("model", sort=False):
        layers, width = values(group, "config.model.layers"), values(group, "config.model.width")
        size = group["parameters"].max()
        millions = f", {size / 1e6:.1f}M parameters without embeddings" if pd.notna(size) else ""
        shape = f" ({layers} layers of {width}{millions})" if layers and width else ""
        shown.append(f"{name}{shape}, weights {listing(group['contents.weights'])}")
    return "; ".join(shown)


def _data(runs: pd.DataFrame) -> str:
    """Each data set with its file and the hash of what it held."""
    shown = []
    for name, group in runs.groupby("data", sort=False):
        file = values(group, "config.data.path")
        shown.append(f"{name}{f', {file}' if file else ''}, {listing(group['contents.data'])}")
    return "; ".join(shown)


def _mean(runs: pd.DataFrame, column: str, unit: str) -> str:
    """The mean of a measured length, or its range over conditions."""
    if column not in runs or runs[column].isna().all():
        return ""
    means = runs.groupby("condition")[column].mean().dropna()
    low, high = f"{means.min():.3g}", f"{means.max():.3g}"
    return f"{low if low == high else f'{low} to {high}'} {unit}".strip()


def _folders(study: Study) -> list[str]:
    """Those of runs, but for what archives hold."""
    return [path for path in study.runs["path"] if path not in study.archives]


def _specials(runs: pd.DataFrame) -> str:
    """In how many of a run's examples a text spells a special token."""
    most = runs["counts.written_specials"].max() if "counts.written_specials" in runs else 0
    return (
        f"in {most:,.0f} examples of a run: plain text there, no special tokens" if most > 0 else ""
    )


def _rates(study: Study) -> str:
    """The rates, or which arm had which where validation chose them."""
    table = study.chosen.table
    if not study.chosen.by_validation:
        return values(study.runs, "config.train.lr")
    best = table[table["chosen"]]
    said = [f"{arm} {listing(group['rate'])}" for arm, group in best.groupby("arm", sort=False)]
    tried = listing(table["rate"])
    return f"chosen on validation for each mask of {tried}: {'; '.join(said)}"
