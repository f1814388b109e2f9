"""Δ against the lowest learning rate that both masks may choose from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.outcomes import Outcome
from analysis.plots import style


def over_floors(cells: pd.DataFrame, outcome: Outcome) -> Figure:
    """A panel for each `panel`, a line for each `line`, with 95 % intervals.

    Args:
        cells: rows of panel, line, floor, mean, low, high.
        outcome: whose difference it is; its margin is the height of the band.
    """
    titles = list(dict.fromkeys(cells["panel"]))
    figure, places = style.grid(len(titles), 3, height=2.6)
    looks = style.looks(list(dict.fromkeys(cells["line"])))
    for axes, title in zip(places, titles, strict=True):
        axes.axhspan(-outcome.margin, outcome.margin, color="#f0f0f0", zorder=0)
        axes.axhline(0, color="black", lw=0.8, zorder=1)
        for line, own in cells[cells["panel"] == title].groupby("line", sort=False):
            look = looks[str(line)]
            bars = [own["mean"] - own["low"], own["high"] - own["mean"]]
            axes.errorbar(
                own["floor"], own["mean"], bars, fmt=look.marker, ls=look.line, color=look.colour,
                ms=4, capsize=2,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.invert_xaxis()  # to the right, where there is more to choose from
        axes.xaxis.set_major_locator(FixedLocator(sorted(cells["floor"].unique())))
        axes.xaxis.set_major_formatter(FuncFormatter(_rate))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(title, loc="left")
        axes.set_xlabel("lowest rate to choose from")
        style.difference_axis(axes.yaxis, outcome)
    style.same_scale(places)
    style.legend(figure, looks)
    return figure


def _rate(value: float, _position: object) -> str:
    """A rate as configs have it: 7e-5."""
    return np.format_float_scientific(value, trim="-", exp_digits=1)
