"""Learning rates that a sweep tried: each arm is compared at the one that validation chose."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analysis.labels import conditions, factors

RATE = "config.train.lr"
VALIDATION = "nll.validation.answer"


class Chosen(NamedTuple):
    """What was tried and what is compared.

    Attributes:
        table: a row per arm, size, other setting and rate: columns arm, n_examples, the settings
            that vary, rate, seeds, validation (mean validation response NLL), chosen, edge (whether
            the chosen rate is the least or largest tried). Empty where no rates were swept.
        by_validation: whether rates were chosen; without validation losses all of them stand.
    """

    table: pd.DataFrame
    by_validation: bool


def choose(runs: pd.DataFrame) -> Chosen:
    """The rate with the least validation loss, for each arm and setting, of those tried there.

    Chosen on the mean over seeds, so that an arm has one rate; never on the test set, which is
    measured with the chosen rate alone.
    """
    nothing = Chosen(pd.DataFrame(), by_validation=False)
    if RATE not in runs or not _swept(runs):
        return nothing
    if VALIDATION not in runs or runs[VALIDATION].isna().any():
        return nothing
    keys = ["arm", "n_examples", *_settings(runs)]
    table = (
        runs.groupby([*keys, RATE], dropna=False, sort=False)[VALIDATION]
        .agg(seeds="count", validation="mean")
        .reset_index()
        .rename(columns={RATE: "rate"})
        .sort_values([*keys, "rate"], ignore_index=True)
    )
    tried = table.groupby(keys, dropna=False, sort=False)
    # Rates that fewer seeds tried are not held against those that more did.
    whole = table["seeds"] == tried["seeds"].transform("max")
    best = table["validation"].where(whole)
    table["chosen"] = best == best.groupby([table[key] for key in keys], dropna=False).transform(
        "min"
    )
    ends = (table["rate"] == tried["rate"].transform("min")) | (
        table["rate"] == tried["rate"].transform("max")
    )
    table["edge"] = table["chosen"] & ends & (tried["rate"].transform("nunique") > 1)
    return Chosen(table, by_validation=True)


def only_chosen(runs: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """The runs at the chosen rates; all where none were chosen."""
    if not chosen.by_validation:
        return runs
    keys = ["arm", "n_examples", *_settings(runs)]
    kept = chosen.table[chosen.table["chosen"]][[*keys, "rate"]].rename(columns={"rate": RATE})
    marked = runs.reset_index().merge(kept, on=[*keys, RATE])
    compared = runs.loc[sorted(marked["index"])].reset_index(drop=True)
    # What each arm's own rate told apart is one condition now.
    return compared.assign(condition=conditions(compared))


def _swept(runs: pd.DataFrame) -> bool:
    """Whether one arm was run at several rates in one place."""
    keys = [runs[name].astype("str") for name in ("arm", "n_examples", "seed", *_settings(runs))]
    return bool(runs[RATE].astype("str").groupby(keys).nunique().max() > 1)


def _settings(runs: pd.DataFrame) -> list[str]:
    """What varies beside arm, size, seed and rate, and is not decided by these."""
    return factors(runs.drop(columns=[RATE]))
