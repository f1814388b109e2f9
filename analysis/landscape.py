"""What the maps show: Δ over passes and length ratio."""

from __future__ import annotations

import pandas as pd

from analysis.labels import factors, plain, short
from analysis.outcomes import Outcome
from analysis.stats import paired_t


def cells(pairs: pd.DataFrame, runs: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Δ of each cell with its place on a map, and what must not be drawn on one.

    Args:
        pairs: the pairs' table.
        runs: the run table.
        outcome: whose difference it is.

    Returns:
        A row per arm, condition and size: arm, model, n_examples, epochs, ratio, level (the levels
        of what varies beside model, data and passes, as a label), delta, low, high.
    """
    own = pairs.dropna(subset=[outcome.delta, "length.ratio"])
    own = own.assign(epochs=runs["epochs"].reindex(own["run"]).to_numpy(), level=_levels(runs, own))
    keys = ["arm", "model", "n_examples", "epochs", "level", "condition"]
    rows = []
    for key, group in own.groupby(keys, sort=False):
        interval = paired_t(group[outcome.delta])
        rows.append(
            dict(zip(keys, key, strict=True))
            | {"ratio": group["length.ratio"].mean(), "delta": interval.estimate}
            | {"low": interval.low, "high": interval.high}
        )
    return pd.DataFrame(rows)


def _levels(runs: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """What varies in each pair beside model, data and passes: what no map may average over."""
    labels = pd.Series("", index=pairs.index, dtype="str")
    drawn = ("config.model.", "config.data.", "config.train.epochs", "contents.")
    for name in factors(runs):
        if not name.startswith(drawn):
            part = short(name) + " " + pairs[name].map(plain)
            labels = labels.where(labels == "", labels + ", ") + part
    return labels.tolist()
