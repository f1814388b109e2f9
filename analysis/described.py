"""What the runs were trained on: what `harness describe` counts, as their results keep it."""

from __future__ import annotations

import pandas as pd

from analysis import columns
from harness.records.roles import ROLES

PREFIX = "described."
KEYS = ["data", "model", "n_examples"]


def described(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per set, model (whose tokenizer and template count) and size, as text: means over
    seeds; what looks odd is the first seed's. Empty where no result tells.
    """
    told = runs.dropna(subset=[f"{PREFIX}near_test"]) if f"{PREFIX}near_test" in runs else runs[:0]
    rows = [_row(group) for _, group in told.groupby(KEYS, sort=False)]
    frame = pd.DataFrame(rows).fillna("")
    return frame[[name for name in frame.columns if (frame[name] != "").any()]]


def doubtful(runs: pd.DataFrame) -> list[str]:
    """A line on each set and size in which something looks odd."""
    name = f"{PREFIX}warnings"
    odd = runs[runs[name].fillna("") != ""] if name in runs else runs[:0]
    return [
        f"{row['data']}, {row['n_examples']:,} examples, seed {row['seed']}: {row[name]}"
        for row in columns.rows(odd.drop_duplicates(KEYS[:1] + KEYS[2:]))
    ]


def _row(group: pd.DataFrame) -> dict[str, str]:
    seeds = group.drop_duplicates("seed")
    first = group.iloc[0]
    row = {
        "data": str(first["data"]),
        "model": str(first["model"]),
        "examples": f"{first['n_examples']:,}",
        "seeds": str(len(seeds)),
    }
    for role in ROLES:
        words, tokens = (_mean(seeds, f"{PREFIX}{kind}.{role}") for kind in ("words", "tokens"))
        if tokens is not None:
            row[f"{role}: words / tokens"] = f"{words or 0:,.0f} / {tokens:,.0f}"
    figures = (
        ("template's share of tokens", f"{PREFIX}template_share", ".1%"),
        ("prompt / response tokens, ratio of means", f"{PREFIX}ratio_of_means", ".3g"),
        ("mean log ratio", f"{PREFIX}mean_log_ratio", "+.3f"),
        ("longer than the context", f"{PREFIX}truncated", ",.3g"),
        ("left out: twice in the files", "counts.duplicates", ",.3g"),
        ("left out: held out too", "counts.in_test", ",.3g"),
        ("near-duplicates of test examples", f"{PREFIX}near_test", ",.3g"),
    )
    for name, column, form in figures:
        value = _mean(seeds, column)
        row[name] = "" if value is None else format(value, form)
    return row | {"looks odd": str(first.get(f"{PREFIX}warnings", ""))}


def _mean(group: pd.DataFrame, column: str) -> float | None:
    if column not in group or group[column].isna().all():
        return None
    return float(group[column].mean())
