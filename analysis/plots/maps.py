"""Maps of Δ over passes and length ratio, and Δ against the overfitting of the baseline."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from matplotlib.tri import Triangulation

from analysis.outcomes import POINTS, Outcome
from analysis.plots import style

COLOURS = "PuOr"
RATIOS = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 3)]
"""Prompt/response ratios that an axis may name."""
SHIFT = 1.04
"""Factor by which a cell stands aside that would hide another."""


def landscape(rows: Sequence[tuple[str, Outcome, pd.DataFrame]], sizes: Sequence[int]) -> Figure:
    """Δ over passes (x) and prompt/response ratio (y), a panel for each training size.

    Colour is Δ, interpolated between cells; the black line is its zero, the hatched band where the
    interpolated 95 % interval holds zero. Squares are the cells themselves.

    Args:
        rows: a line of panels each: its title, the outcome, and its cells: n_examples, epochs,
            ratio, delta, low, high.
        sizes: a panel each.
    """
    figure, panels = style.panels(len(rows), len(sizes), 1.9)
    figure.set_figwidth(style.WIDE)
    bounds = _bounds(rows)
    for line, (title, outcome, cells) in zip(panels, rows, strict=True):
        scale = _scale(bounds[outcome.column], outcome)
        for axes, size in zip(line, sizes, strict=True):
            _panel(axes, cells[cells["n_examples"] == size], scale)
            _ends(axes, cells)
            axes.set_title(f"{style.thousands(size)} examples" if line is panels[0] else "")
            axes.set_xlabel("passes" if line is panels[-1] else "")
        line[0].set_ylabel(f"{textwrap.fill(title, 22)}\nprompt / response".lstrip("\n"))
        bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=line, aspect=12).ax.yaxis
        style.difference_axis(bar, outcome)
        named = _named(scale.linthresh, bounds[outcome.column])
        factor = 100 if outcome.unit == POINTS else 1
        bar.set_ticks(named, labels=[f"{factor * value:g}".replace("-", "−") for value in named])
        bar.set_minor_locator(NullLocator())
        bar.set_label_text(f"Δ ({outcome.unit})")  # the line's title names the outcome
    return figure


def _scale(bound: float, outcome: Outcome) -> SymLogNorm:
    """Colours of Δ: linear inside the margin, logarithmic beyond, so that one large cell does not
    make all others white.
    """
    return SymLogNorm(min(outcome.margin or bound, bound), vmin=-bound, vmax=bound, base=10)


def _named(least: float, most: float) -> list[float]:
    """Values of Δ that a colour bar names."""
    powers = [digit * 10.0**power for power in range(-4, 4) for digit in (1, 3)]
    named = [value for value in powers if least <= value <= most]
    return [*(-value for value in reversed(named)), 0.0, *named]


def _bounds(rows: Sequence[tuple[str, Outcome, pd.DataFrame]]) -> dict[str, float]:
    """The largest |Δ| of each outcome: lines of one outcome share their colours."""
    bounds: dict[str, float] = {}
    for _, outcome, cells in rows:
        largest = float(cells["delta"].abs().max())
        bounds[outcome.column] = max(largest, bounds.get(outcome.column, 0.0))
    return {column: bound or 1.0 for column, bound in bounds.items()}


def _panel(axes: Axes, cells: pd.DataFrame, scale: SymLogNorm) -> None:
    cells = _aside(cells)
    x, y = np.log10(cells["epochs"].to_numpy(float)), np.log10(cells["ratio"].to_numpy(float))
    axes.grid(visible=False)
    triangles = _triangles(x, y)
    if triangles is not None:
        delta = cells["delta"].to_numpy(float)
        axes.tricontourf(triangles, delta, levels=scale.inverse(np.linspace(0, 1, 41)),
                         cmap=COLOURS, norm=scale, extend="both")  # fmt: skip
        _band(axes, triangles, cells)
        if delta.min() < 0 < delta.max():
            axes.tricontour(triangles, delta, levels=[0], colors="black", linewidths=1.4)
    axes.scatter(x, y, c=cells["delta"], cmap=COLOURS, norm=scale, marker="s", s=14,
                 edgecolors="black", linewidths=0.5, zorder=3)  # fmt: skip


def _aside(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of one place drawn beside each other."""
    place = cells.groupby([cells["epochs"], cells["ratio"].round(3)]).cumcount()
    return cells.assign(ratio=cells["ratio"] * SHIFT**place)


def _triangles(x: np.ndarray, y: np.ndarray) -> Triangulation | None:
    """What is interpolated over; None where the cells lie on one line."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    if np.linalg.matrix_rank(np.column_stack([x - x[0], y - y[0]]), tol=1e-9) < 2:
        return None
    return Triangulation(x, y)


def _band(axes: Axes, triangles: Triangulation, cells: pd.DataFrame) -> None:
    """Hatch where the sign of Δ is open: low < 0 < high, that is, min(−low, high) > 0."""
    if cells["low"].isna().any():
        return
    open_sign = np.minimum(-cells["low"].to_numpy(float), cells["high"].to_numpy(float))
    if open_sign.max() > 0:
        axes.tricontourf(triangles, open_sign, levels=[0, np.inf], hatches=["////"],
                         colors="none", extend="neither")  # fmt: skip


def _ends(axes: Axes, cells: pd.DataFrame) -> None:
    """The same axes in every panel, with ticks at the passes that were run."""
    passes = sorted(cells["epochs"].unique())
    axes.set_xticks(np.log10(passes), [f"{count:g}" for count in passes])
    ratios = np.log10(cells["ratio"].to_numpy(float))
    ticks = [
        tick for tick in RATIOS if ratios.min() - 0.12 <= np.log10(tick) <= ratios.max() + 0.12
    ]
    axes.set_yticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_xlim(np.log10(passes[0]) - 0.1, np.log10(passes[-1]) + 0.1)
    axes.set_ylim(ratios.min() - 0.12, ratios.max() + 0.12)


def against_overfitting(
    pairs: pd.DataFrame, arms: Sequence[str], outcome: Outcome, baseline: str
) -> Figure:
    """Δ against how much the baseline overfits, every pair a point and every cell a large one.

    Args:
        pairs: the pairs' table with the column `overfitting`, in nats/token.
        arms: without the baseline.
        outcome: whose difference it is; its margin is the height of the band.
        baseline: whose overfitting it is.
    """
    figure, [axes] = style.grid(1, 1)
    looks = style.looks(["", *arms])
    axes.axhspan(-outcome.margin, outcome.margin, color="#f0f0f0", zorder=0)
    axes.axhline(0, color="black", lw=0.8, zorder=1)
    for arm in arms:
        look, own = looks[arm], pairs[pairs["arm"] == arm]
        axes.plot(own["overfitting"], own[outcome.delta], look.marker, color=look.colour, ms=2,
                  alpha=0.25, mew=0)  # fmt: skip
        means = own.groupby(["condition", "n_examples"])[["overfitting", outcome.delta]].mean()
        axes.plot(means["overfitting"], means[outcome.delta], look.marker, color=look.colour, ms=4,
                  mec="white", mew=0.4)  # fmt: skip
    axes.set_xlabel(
        f"overfitting of '{baseline}': last − best\nvalidation response NLL (nats/token)"
    )
    style.difference_axis(axes.yaxis, outcome)
    style.legend(figure, {arm: looks[arm]._replace(line="") for arm in arms})
    return figure
