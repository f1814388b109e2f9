"""Figures along training: learning curves per role, and held-out against training loss."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots import hover, style

Cell = tuple[str, int]
"""A condition and a training size."""


def learning_curves(
    curves: pd.DataFrame, arms: Sequence[str], cells: Sequence[Cell], roles: Sequence[str]
) -> Figure:
    """Held-out NLL of each role along training: every seed a thin line, each arm's mean a thick
    one.

    Args:
        curves: one row per run, evaluation and role.
        arms: in the order to draw them.
        cells: a line of panels each.
        roles: a panel each.
    """
    figure, rows = style.panels(len(cells), len(roles), 1.7)
    test = curves[curves["split"] == "test"]
    for row, (condition, size) in zip(rows, cells, strict=True):
        here = test[(test["condition"] == condition) & (test["n_examples"] == size)]
        row[0].set_ylabel(f"{titled(condition, size)}\nnats/token")
        for axes, role in zip(row, roles, strict=True):
            own = here[here["role"] == role]
            for arm, look in style.looks(arms).items():
                runs = own[own["arm"] == arm]
                for _, run in runs.groupby("row"):
                    axes.plot(run["epoch"], run["nll"], color=look.colour, lw=0.5, alpha=0.4)
                means = runs.groupby("step")[["epoch", "nll"]].mean()
                (curve,) = axes.plot(
                    means["epoch"],
                    means["nll"],
                    color=look.colour,
                    marker=look.marker,
                    ls=look.line,
                    ms=2.5,
                )
                hover.speak(curve, f"{arm}, {role}, NLL by epoch")
            axes.set_xlabel("epoch" if row is rows[-1] else "")
            axes.set_title(role if row is rows[0] else "")
    style.legend(figure, style.looks(arms))
    return figure


def mechanism(curves: pd.DataFrame, arms: Sequence[str], cells: Sequence[Cell]) -> Figure:
    """Held-out against training NLL of the answer, along each run.

    A lower curve at the same training loss is a regulariser; the same curve cut short is only less
    training.

    Args:
        curves: one row per run, evaluation and role.
        arms: in the order to draw them.
        cells: a panel each.
    """
    figure, places = style.grid(len(cells), 3)
    answer = same_examples(curves[(curves["role"] == "answer")])
    keys = ["condition", "n_examples", "arm", "row", "step"]
    both = answer.pivot_table(index=keys, columns="split", values="nll")
    both = both[["train", "test"]].dropna().reset_index()
    for axes, (condition, size) in zip(places, cells, strict=True):
        here = both[(both["condition"] == condition) & (both["n_examples"] == size)]
        for arm, look in style.looks(arms).items():
            own = here[here["arm"] == arm]
            for _, run in own.groupby("row"):
                axes.plot(run["train"], run["test"], color=look.colour, lw=0.5, alpha=0.5)
                axes.plot(
                    run["train"].iloc[-1],
                    run["test"].iloc[-1],
                    look.marker,
                    color=look.colour,
                    ms=3,
                )
            means = own.groupby("step")[["train", "test"]].mean()
            axes.plot(
                means["train"],
                means["test"],
                color=look.colour,
                marker=look.marker,
                ls=look.line,
                ms=3,
            )
        _diagonal(axes)
        axes.set_title(titled(condition, size), loc="left")
        axes.set_xlabel("training response NLL")
        axes.set_ylabel("held-out response NLL")
    style.legend(figure, style.looks(arms))
    return figure


def same_examples(curves: pd.DataFrame) -> pd.DataFrame:
    """Of each run's evaluations of a split, those on the examples that most of them used.

    In mid-training fewer may be measured than at the start and at the end, and losses of different
    examples do not lie on one curve.
    """
    counts = curves.groupby(["row", "split", "tokens"])["step"].transform("nunique")
    # Of two sets used equally often, the larger one.
    rank = counts + curves["tokens"] / (curves["tokens"].max() + 1)
    most = rank.groupby([curves["row"], curves["split"]]).transform("max")
    kept: pd.DataFrame = curves.loc[rank == most]
    return kept


def _diagonal(axes: Axes) -> None:
    """Where held-out and training loss are equal."""
    low = max(axes.get_xlim()[0], axes.get_ylim()[0])
    high = min(axes.get_xlim()[1], axes.get_ylim()[1])
    if low < high:
        axes.plot([low, high], [low, high], color="#999999", lw=0.8, ls=":", zorder=0)


def titled(condition: str, size: int) -> str:
    """A panel's title."""
    return style.wrapped(", ".join(filter(None, (f"{style.thousands(size)} examples", condition))))
