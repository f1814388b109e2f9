"""Figures against training size: outcomes by mask, Δ, the heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from analysis.columns import rows
from analysis.outcomes import Outcome
from analysis.plots import style
from analysis.words import amount


def by_mask(
    runs: pd.DataFrame,
    arms: Sequence[str],
    conditions: Sequence[str],
    outcomes: Mapping[str, str],
    shares: Sequence[str] = (),
) -> Figure:
    """Outcomes against training size: every seed a point, each arm's means a line.

    Args:
        runs: the run table.
        arms: in the order to draw them.
        conditions: likewise; each starts a line of panels.
        outcomes: column -> label of its axis.
        shares: columns to print in per cent.
    """
    columns = min(len(outcomes), style.abreast(3))
    block = math.ceil(len(outcomes) / columns)
    figure, lines = style.panels(block * len(conditions), columns)
    sizes = sorted(runs["n_examples"].unique())
    drawn: dict[str, list[Axes]] = {outcome: [] for outcome in outcomes}
    for number, condition in enumerate(conditions):
        places = [axes for row in lines[number * block : (number + 1) * block] for axes in row]
        places[0].set_title(condition, loc="left")
        for axes, (outcome, label) in zip(places, outcomes.items(), strict=False):
            _lines(axes, runs[runs["condition"] == condition], arms, outcome)
            axes.set_ylabel(label)
            if outcome in shares:
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            style.size_axis(axes, sizes)
            drawn[outcome].append(axes)
        for spare in places[len(outcomes) :]:
            spare.set_visible(False)
    for outcome, together in drawn.items():
        style.same_scale(together)
        if outcome in shares:
            for axes in together:
                axes.set_ylim(0, min(1.02, max(0.1, 1.03 * axes.get_ylim()[1])))
    style.legend(figure, style.looks(arms))
    return figure


def _lines(axes: Axes, runs: pd.DataFrame, arms: Sequence[str], outcome: str) -> None:
    """Points for seeds and a line through the means, for each arm."""
    sizes = sorted(runs["n_examples"].unique())
    for place, (arm, look) in enumerate(style.looks(arms).items()):
        own = runs[runs["arm"] == arm].dropna(subset=[outcome])
        aside = style.dodge(sizes, place, len(arms))
        _points(axes, look, own["n_examples"] * aside, own[outcome], ms=3, alpha=0.5)
        means = own.groupby("n_examples")[outcome].mean()
        axes.plot(
            means.index.to_numpy() * aside,
            means,
            look.marker,
            ls=look.line,
            color=look.colour,
            ms=4.5,
        )


def difference(
    pairs: pd.DataFrame,
    effects: pd.DataFrame,
    trends: pd.DataFrame,
    arms: Sequence[str],
    conditions: Sequence[str],
    outcome: Outcome,
) -> Figure:
    """Δ against training size: zero line, margin of equivalence, every seed, means with intervals,
    crossover.

    Args:
        pairs: every seed's difference.
        effects: mean and interval per cell.
        trends: crossover per condition and arm; may be empty.
        arms: without the baseline, in the order of all arms.
        conditions: a panel each.
        outcome: whose difference it is; its margin is the height of the band.
    """
    figure, places = style.grid(len(conditions), 2)
    all_sizes = sorted(pairs["n_examples"].unique())
    looks = style.looks(["", *arms])
    for axes, condition in zip(places, conditions, strict=True):
        axes.axhspan(-outcome.margin, outcome.margin, color="#f0f0f0", zorder=0)
        axes.axhline(0, color="black", lw=0.8, zorder=1)
        here = effects[effects["condition"] == condition]
        own = pairs[pairs["condition"] == condition]
        for place, arm in enumerate(arms):
            aside = style.dodge(all_sizes, place, len(arms))
            seeds = own[own["arm"] == arm]
            cells = here[here["arm"] == arm].sort_values("n_examples")
            _differences(
                axes, looks[arm], aside, seeds.set_index("n_examples")[outcome.delta], cells
            )
        axes.set_title(style.wrapped(condition), loc="left")
        style.difference_axis(axes.yaxis, outcome)
        style.size_axis(axes, all_sizes)
    style.same_scale(places)
    for axes, condition in zip(places, conditions, strict=True):
        _crossovers(axes, trends, condition, {arm: looks[arm] for arm in arms}, all_sizes)
    style.legend(figure, {arm: looks[arm] for arm in arms})
    return figure


def _points(
    axes: Axes, look: style.Look, x: ArrayLike, y: ArrayLike, *, ms: float, alpha: float
) -> None:
    """An arm's seeds, one by one, behind what sums them up."""
    axes.plot(x, y, look.marker, color=look.colour, ms=ms, alpha=alpha, mew=0, zorder=2)


def _differences(
    axes: Axes, look: style.Look, aside: float, seeds: pd.Series[float], cells: pd.DataFrame
) -> None:
    """An arm's seeds, by size, and its means with their intervals, moved aside by a factor."""
    _points(axes, look, seeds.index * aside, seeds, ms=2.5, alpha=0.4)
    x = cells["n_examples"].to_numpy() * aside
    axes.plot(x, cells["delta"], look.marker, ls=look.line, color=look.colour, ms=4, zorder=3)
    axes.vlines(x, cells["low"], cells["high"], color=look.colour, lw=1.2, zorder=3)


def _crossovers(
    axes: Axes,
    trends: pd.DataFrame,
    condition: str,
    looks: Mapping[str, style.Look],
    sizes: Sequence[float],
) -> None:
    """N* of each arm as a diamond with its interval, in a row of its own at the foot of the
    panel.
    """
    if trends.empty:
        return
    low, high = axes.get_ylim()
    step = 0.06 * (high - low)
    found = trends[(trends["condition"] == condition) & trends["n_star"].notna()]
    for line, trend in enumerate(rows(found), start=1):
        y = low - line * step
        look = looks[trend["arm"]]
        if not math.isnan(trend["n_star_low"]):
            ends = np.clip(
                [trend["n_star_low"], trend["n_star_high"]], min(sizes) / 1.3, max(sizes) * 1.3
            )
            axes.hlines(y, *ends, color=look.colour, lw=1.2)
        axes.plot(trend["n_star"], y, "D", color=look.colour, ms=4, mfc="white")
    axes.set_ylim(low - (len(found) + 0.7) * step, high)


def heat_map(
    effects: pd.DataFrame, arms: Sequence[str], conditions: Sequence[str], outcome: Outcome
) -> Figure:
    """Δ over condition (model and whatever else varies) × training size, a panel per arm; bold
    beyond the interval.

    Args:
        effects: one row per cell.
        arms: without the baseline.
        conditions: from the smallest model up.
        outcome: whose difference it is.
    """
    sizes = sorted(effects["n_examples"].unique())
    height = 0.42 * len(conditions) + 0.9
    columns = min(len(arms), style.abreast(2))
    figure, places = style.grid(len(arms), 2, height)
    bound = float(effects["delta"].abs().max()) or 1.0
    image = None
    for place, (axes, arm) in enumerate(zip(places, arms, strict=True)):
        cells = effects[effects["arm"] == arm].set_index(["condition", "n_examples"])
        table = cells["delta"].unstack().reindex(index=list(conditions), columns=sizes)
        image = axes.imshow(
            table.to_numpy(float), cmap="PuOr", vmin=-bound, vmax=bound, aspect="auto"
        )
        fontsize = 6.5 if len(sizes) * columns <= 10 else 5
        _write_cells(axes, cells, table, outcome, bound, fontsize)
        axes.grid(visible=False)
        axes.set_title(arm, loc="left")
        axes.set_xticks(range(len(sizes)), [style.thousands(size) for size in sizes])
        axes.set_yticks(
            range(len(conditions)),
            list(conditions) if place % columns == 0 else [""] * len(conditions),
        )
        axes.set_xlabel("training examples")
    if image is not None:
        below = {"location": "bottom", "aspect": 30} if columns == 1 else {"aspect": 12}
        bar = figure.colorbar(image, ax=places, shrink=0.9, **below)
        style.difference_axis(bar.ax.xaxis if columns == 1 else bar.ax.yaxis, outcome)
    return figure


def _write_cells(
    axes: Axes,
    cells: pd.DataFrame,
    table: pd.DataFrame,
    outcome: Outcome,
    bound: float,
    fontsize: float,
) -> None:
    """Each Δ of the table in its square, bold where its interval excludes zero."""
    for (row, column), value in np.ndenumerate(table.to_numpy(float)):
        if math.isnan(value):
            continue
        cell = cells.loc[(table.index[row], table.columns[column])]
        clear = cell["low"] > 0 or cell["high"] < 0
        axes.text(
            column,
            row,
            amount(value, outcome),
            ha="center",
            va="center",
            fontsize=fontsize,
            fontweight="bold" if clear else "normal",
            color="white" if abs(value) > 0.65 * bound else "black",
        )


def against_ratio(pairs: pd.DataFrame, arms: Sequence[str], outcome: Outcome) -> Figure:
    """Δ against the ratio of prompt to response length, a panel per training size.

    Args:
        pairs: every seed's difference, with its length ratio.
        arms: without the baseline.
        outcome: whose difference it is; its margin is the height of the band.
    """
    sizes = sorted(pairs["n_examples"].unique())
    figure, places = style.grid(len(sizes), 3)
    looks = style.looks(["", *arms])
    for axes, size in zip(places, sizes, strict=True):
        axes.axhspan(-outcome.margin, outcome.margin, color="#f0f0f0", zorder=0)
        axes.axhline(0, color="black", lw=0.8, zorder=1)
        for arm in arms:
            own = pairs[(pairs["n_examples"] == size) & (pairs["arm"] == arm)]
            look = looks[arm]
            axes.plot(
                own["length.ratio"],
                own[outcome.delta],
                look.marker,
                color=look.colour,
                ms=3,
                alpha=0.4,
                mew=0,
            )
            means = own.groupby(own["length.ratio"].round(2))[outcome.delta].mean()
            axes.plot(means.index, means, look.marker, ls=look.line, color=look.colour, ms=4.5)
        axes.set_xscale("log")
        style.plain_logarithm(axes.xaxis)
        axes.set_title(f"{style.thousands(size)} examples", loc="left")
        axes.set_xlabel("prompt / response length")
        style.difference_axis(axes.yaxis, outcome)
    style.same_scale(places)
    style.legend(figure, {arm: looks[arm] for arm in arms})
    return figure
