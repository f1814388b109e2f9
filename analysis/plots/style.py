"""One look for every figure: a paper's column, colours that survive colour blindness, the same
bytes every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from analysis.outcomes import POINTS, Outcome

COLUMN = 3.4
WIDE = 7.0
"""Widths of one and of two columns of a paper, in inches."""

HEIGHT = 2.3
"""Height of one row of panels."""

PALETTE = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Okabe & Ito (2008), told apart by readers with any common colour blindness; markers repeat the
message.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.")

HANDLE, LETTER, LINE = 0.55, 0.06, 0.17
"""Inches of a legend: its mark with the space around, a letter, a line."""

MOST_COLUMNS = 4

RC: dict[str, Any] = {
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.dpi": 200,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "hatch.color": "#555555",
    "hatch.linewidth": 0.4,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "figure",
    "text.parse_math": False,  # a mask may be called $a$
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}


class Look(NamedTuple):
    """How an arm is drawn, everywhere."""

    colour: str
    marker: str
    line: str


@contextmanager
def style(width: float = WIDE) -> Iterator[None]:
    """The style, for as long as figures are made and saved, on a page `width` inches wide."""
    settings: dict[Any, Any] = RC | {"figure.figsize": (width, HEIGHT)}
    with matplotlib.rc_context(settings):
        yield


def abreast(most: int) -> int:
    """How many panels may stand in a line: `most`, or one where the page is a column wide."""
    return most if matplotlib.rcParams["figure.figsize"][0] > COLUMN else 1


def looks(arms: Sequence[str]) -> dict[str, Look]:
    """Colour, marker and line of each arm, by its place; no two of the first 64 are alike.

    Every eight arms the colours begin again, with the next line and other markers.
    """
    found = {}
    for place, arm in enumerate(arms):
        turn = place // len(PALETTE)
        marker = MARKERS[(place + turn) % len(MARKERS)]
        found[arm] = Look(PALETTE[place % len(PALETTE)], marker, LINES[turn % len(LINES)])
    return found


def panels(rows: int, columns: int, height: float = HEIGHT) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels, a paper's column wide for one and two for more."""
    size = (COLUMN if columns == 1 else WIDE, rows * height + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def grid(count: int, most: int = 3, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, read line by line, at most `most` in a line."""
    columns = min(count, abreast(most))
    figure, rows = panels(math.ceil(count / columns), columns, height)
    places = [axes for row in rows for axes in row]
    for spare in places[count:]:
        spare.set_visible(False)
    return figure, places[:count]


def same_scale(panels: Sequence[Axes]) -> None:
    """Give panels of one quantity one y axis, so that eyes may compare them."""
    limits = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def legend(figure: Figure, arms: Mapping[str, Look]) -> None:
    """One legend for all panels, below them; the figure grows by the lines that it takes.

    Made from the looks and not from what was drawn: matplotlib hides names that begin with "_".
    """
    if not arms:
        return
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ls=look.line, ms=4.5)
        for look in arms.values()
    ]
    each = HANDLE + LETTER * max(map(len, arms))
    columns = max(1, min(len(arms), MOST_COLUMNS, int(figure.get_figwidth() / each)))
    lines = math.ceil(len(arms) / columns)
    figure.set_figheight(figure.get_figheight() + (lines - 1) * LINE)
    figure.legend(handles, list(arms), loc="outside lower center", ncols=columns)


def size_axis(axes: Axes, sizes: Sequence[float], label: str = "training examples") -> None:
    """A logarithmic axis with a tick at every size that there is."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: thousands(size)))
    pad = (max(sizes) / min(sizes)) ** 0.12 if len(sizes) > 1 else 2.0
    axes.set_xlim(min(sizes) / pad, max(sizes) * pad)
    axes.set_xlabel(label)


def plain_logarithm(axis: Axis) -> None:
    """Numbers written out on a logarithmic axis, since mathematical text is switched off."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def axis_name(outcome: Outcome) -> str:
    """An outcome as the label of an axis, its unit on a line of its own."""
    return f"{outcome.name}\n({outcome.unit})"


def difference_axis(axis: Axis, outcome: Outcome) -> None:
    """An axis of Δ, in the outcome's unit."""
    axis.set_label_text(f"Δ {axis_name(outcome)}")
    if outcome.unit == POINTS:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))


def thousands(size: float) -> str:
    """1k for 1,000, as ticks have little room."""
    return f"{size / 1000:g}k" if size >= 1000 else f"{size:g}"


def dodge(sizes: Sequence[float], place: int, count: int) -> float:
    """The factor by which an arm's points stand aside on a logarithmic axis, so that none hides
    another.
    """
    ordered = sorted(sizes)
    gap = min((b / a for a, b in pairwise(ordered)), default=math.inf)
    # At most a third of the gap between two sizes, and never so much that a point seems to be of
    # another size; of one size alone, many arms' points may share most of the axis.
    width = 0.08 * math.log(ordered[-1] / ordered[0]) or min(0.06 * count, 1.1)
    spread = min(0.3 * math.log(gap), width)
    return math.exp(spread * (place - (count - 1) / 2) / max(count - 1, 1))


def wrapped(label: str, width: int = 30) -> str:
    """A condition's label as a panel's title: broken at its commas before it runs into the next
    panel's.
    """
    lines: list[str] = []
    for part in label.split(", "):
        if lines and len(lines[-1]) + len(part) + 2 <= width:
            lines[-1] += ", " + part
        else:
            lines.append(part)
    return ",\n".join(lines)
