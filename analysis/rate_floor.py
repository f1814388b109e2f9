"""What a mask gains, by the lowest learning rate that both masks may choose from: a gain that is
gone with a lower rate is one of rates too high for so many steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.labels import conditions
from analysis.outcomes import Outcome
from analysis.pairs import pair
from analysis.rates import RATE, choose, only_chosen
from analysis.stats import paired_t


def most_tried(tried: pd.DataFrame) -> pd.DataFrame:
    """The runs of the cells in which most rates were tried."""
    cells = [tried["n_examples"], conditions(tried.drop(columns=[RATE]))]
    count = tried[RATE].groupby(cells).transform("nunique")
    kept: pd.DataFrame = tried[count == count.max()]
    return kept.reset_index(drop=True)


def floors(
    tried: pd.DataFrame, baseline: str, vary: Sequence[str], outcome: Outcome
) -> pd.DataFrame:
    """Δ in each cell once for each rate that was tried there, as if no lower one had been.

    Args:
        tried: the run table, with the runs at all rates.
        baseline: the arm that the others are compared with.
        vary: config keys in which arms may differ beside the mask; the rate among them.
        outcome: what is compared.

    Returns:
        A row per cell and floor: arm, n_examples, place (the condition but for the rate), floor
        (the lowest rate left), seeds, mean, low and high (Student's 95 % interval over seeds, in
        the outcome's unit).
    """
    places = conditions(tried.drop(columns=[RATE]))
    rows = []
    for (size, place), own in tried.groupby(["n_examples", places], sort=False):
        for floor in sorted(own[RATE].unique(), reverse=True):
            left = own[own[RATE] >= floor].reset_index(drop=True)
            pairs = pair(only_chosen(left, choose(left)), baseline, vary).pairs
            for arm, group in pairs.groupby("arm", sort=False):
                differences = group[outcome.delta].dropna()
                if len(differences) > 1:
                    interval = paired_t(differences)
                    rows.append((arm, size, place, floor, len(differences), *interval))
    names = ["arm", "n_examples", "place", "floor", "seeds", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=names)
