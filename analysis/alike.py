"""Arms that turn out to be one and the same on these data."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.outcomes import measured


def alike(runs: pd.DataFrame, arms: Sequence[str]) -> list[list[str]]:
    """Groups of two or more arms whose runs weighed the same tokens and ended in the same figures.

    On dialogues of one turn, for instance, 'the last turn' is every turn. Compared where both arms
    have a run; an arm belongs to the first group that it fits.

    Args:
        runs: the run table.
        arms: in the order of tables.
    """
    figures = [name for name in runs.columns if name.startswith("weight_mass.")]
    figures += ["prompt_share", *(one.column for one in measured(runs))]
    place = ["condition", "n_examples", "seed"]
    tables = {}
    for arm in arms:
        own = runs[runs["arm"] == arm].drop_duplicates(place).set_index(place)
        # A role without weight is absent in one record and 0 in another.
        tables[arm] = own[figures].fillna(0.0)
    groups: list[list[str]] = []
    for arm in arms:
        for group in groups:
            if _equal(tables[group[0]], tables[arm]):
                group.append(arm)
                break
        else:
            groups.append([arm])
    return [group for group in groups if len(group) > 1]


def _equal(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Whether two arms have the same figures in every place that both have; false for none."""
    both = first.index.intersection(second.index)
    return len(both) > 0 and bool((first.loc[both] == second.loc[both]).all(axis=None))
