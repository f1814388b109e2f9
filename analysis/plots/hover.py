"""What a curve's points say under the pointer: titles in the SVG, which need no scripts."""

from __future__ import annotations

import re
from html import escape

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

REACH = 5.0
"""Points around a marker that count as it: a marker alone is hard to hit."""

MOST = 3000
"""Points of a figure beyond which none says anything, for the sake of the page's size."""

_GID = "points of "
_MARKER = re.compile(r'<use [^>]*?x="([-.\d]+)" y="([-.\d]+)"[^>]*/>')


def speak(line: Line2D, name: str) -> None:
    """Have each marker of a line say the line's name and where the point lies."""
    line.set_gid(_GID + name)


def with_titles(figure: Figure, svg: bytes) -> bytes:
    """The SVG of a figure, with what its points say."""
    lines = [
        line
        for axes in figure.axes
        for line in axes.lines
        if str(line.get_gid() or "").startswith(_GID)
    ]
    if not lines or sum(len(_points(line)) for line in lines) > MOST:
        return svg
    text, place, parts = svg.decode(), 0, []
    for line in lines:
        start = text.find(f'<g id="{escape(str(line.get_gid()))}">', place)
        points = _points(line)
        found = list(_MARKER.finditer(text, start))[: len(points)] if start >= 0 else []
        for (x, y), marker in zip(points, found, strict=False):
            said = escape(f"{str(line.get_gid()).removeprefix(_GID)}: {y:.4g} at {x:.4g}")
            parts.append(text[place : marker.end()])
            parts.append(
                f'<circle cx="{marker[1]}" cy="{marker[2]}" r="{REACH:g}" fill="none" '
                f'pointer-events="all"><title>{said}</title></circle>'
            )
            place = marker.end()
    return "".join([*parts, text[place:]]).encode()


def _points(line: Line2D) -> list[tuple[float, float]]:
    """Where the markers of a line lie, in the data's units: none where a value is missing."""
    every = np.asarray(line.get_xydata(), dtype=float)
    return [(float(x), float(y)) for x, y in every if np.isfinite((x, y)).all()]
