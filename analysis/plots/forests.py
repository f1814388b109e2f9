"""Δ of many masks at once: a line for each, a panel for each cell."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis.outcomes import Outcome
from analysis.plots import style
from analysis.plots.training import Cell, titled

LINE = 0.17
"""Height of a mask's line, in inches."""


def forest(
    effects: pd.DataFrame, arms: Sequence[str], cells: Sequence[Cell], outcome: Outcome
) -> Figure:
    """Δ and its interval, a line for each arm, in the order of tables from above.

    Args:
        effects: one row per condition, size and arm.
        arms: without the baseline.
        cells: a panel each.
        outcome: whose difference it is; its margin is the width of the band.
    """
    figure, places = style.grid(len(cells), 3, LINE * len(arms) + 0.7)
    columns = min(len(cells), style.abreast(3))
    lines = {arm: place for place, arm in enumerate(reversed(arms))}
    for number, (axes, (condition, size)) in enumerate(zip(places, cells, strict=True)):
        own = effects[(effects["condition"] == condition) & (effects["n_examples"] == size)]
        y = own["arm"].map(lines)
        axes.axvspan(-outcome.margin, outcome.margin, color="#f0f0f0", zorder=0)
        axes.axvline(0, color="black", lw=0.8, zorder=1)
        axes.hlines(y, own["low"], own["high"], color=style.PALETTE[2], lw=1.2, zorder=2)
        axes.plot(own["delta"], y, "o", color=style.PALETTE[2], ms=3.5, zorder=3)
        first = number % columns == 0
        axes.set_yticks(range(len(arms)), list(reversed(arms)) if first else [""] * len(arms))
        axes.set_ylim(-0.7, len(arms) - 0.3)
        axes.set_title(titled(condition, size), loc="left")
        style.difference_axis(axes.xaxis, outcome)
    return figure
