"""Figures drawn and written: the same runs give the same bytes, in every format."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import FIGURES
from analysis.fit import Unfit
from analysis.plots import style
from analysis.study import Study


def draw(
    study: Study, names: Sequence[str] | None = None
) -> tuple[dict[str, dict[str, bytes]], dict[str, str]]:
    """Draw the figures of these names, or all that there are.

    Returns:
        Name -> kind (svg, png, pdf, and column.svg: a column wide) -> the file's bytes; and name ->
        why a figure was not drawn.
    """
    drawn, unfit = {}, {}
    for name in FIGURES if names is None else names:
        try:
            with style.style():
                drawn[name] = _files(FIGURES[name].draw(study))
            if FIGURES[name].column:
                with style.style(style.COLUMN):
                    drawn[name]["column.svg"] = _files(FIGURES[name].draw(study), ["svg"])["svg"]
        except Unfit as reason:
            unfit[name] = str(reason)
    return drawn, unfit


def write(drawn: dict[str, dict[str, bytes]], folder: Path) -> None:
    """Write drawn figures as `<name>.<kind>`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, formats in drawn.items():
        for kind, content in formats.items():
            (folder / f"{name}.{kind}").write_bytes(content)


UNDATED: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata of each format to leave out, so that the same runs give the same bytes."""


def _files(figure: Figure, kinds: Sequence[str] = tuple(UNDATED)) -> dict[str, bytes]:
    """A figure in each of these formats."""
    files = {}
    # The layout is solved once and serves all formats.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for kind in kinds:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=UNDATED[kind])
        files[kind] = buffer.getvalue()
    return files


def inline(svg: bytes, name: str) -> str:
    """An SVG to stand inside an HTML page, its ids made the figure's own so that two figures cannot
    share one.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    return re.sub(r"url\(#", f"url(#{name}-", text)
