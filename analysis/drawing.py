"""Figures drawn and written: the same runs give the same bytes, in every format."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import FIGURES
from analysis.fit import Unfit
from analysis.plots import hover, style
from analysis.study import Study

Drawn = dict[str, bytes]
"""Kind of file (svg, png, pdf, and column.svg: a column wide) -> its bytes."""

_studied: Study | None = None
"""What processes that draw take over from the one that they are copies of."""


def draw(
    study: Study, names: Sequence[str] | None = None
) -> tuple[dict[str, Drawn], dict[str, str]]:
    """Draw the figures of these names, or all that there are, as many at a time as there are cores.

    Returns:
        Name -> the files of a figure; and name -> why a figure was not drawn.
    """
    global _studied
    wanted = list(FIGURES if names is None else names)
    processes = min(cores(), len(wanted))
    if processes > 1 and sys.platform == "linux":  # elsewhere a process is no cheap copy
        for taken_over in ("curves", "effects", "trends"):  # worked out once, not in every copy
            getattr(study, taken_over)
        _studied = study
        try:
            found = _drawn_by_copies(wanted, processes)
        except BrokenProcessPool:  # a copy was killed, for want of memory or by hand
            found = [_draw(study, name) for name in wanted]
        finally:
            _studied = None
    else:
        found = [_draw(study, name) for name in wanted]
    outcomes = dict(zip(wanted, found, strict=True))
    drawn = {name: files for name, files in outcomes.items() if not isinstance(files, str)}
    return drawn, {name: why for name, why in outcomes.items() if isinstance(why, str)}


def _drawn_by_copies(wanted: Sequence[str], processes: int) -> list[Drawn | str]:
    """Have copies of this process draw.

    They end by themselves once there is nothing to draw: a signal can reach a copy before it is
    fit to take it, and would be lost.

    Raises:
        BrokenProcessPool: one of them died.
    """
    context = get_context("fork")
    with warnings.catch_warnings():
        # From 3.12 on Python warns of threads, which a copy lacks: those of numeric libraries,
        # which start theirs anew.
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(processes, context, initializer=_on_its_own) as pool:
            return list(pool.map(_draw_taken_over, wanted))


def _on_its_own() -> None:
    """A copy says nothing of an interruption: the process that it is a copy of does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _draw_taken_over(name: str) -> Drawn | str:
    assert _studied is not None
    return _draw(_studied, name)


def _draw(study: Study, name: str) -> Drawn | str:
    """The files of a figure, or why it is not drawn."""
    try:
        with style.style():
            files = _files(FIGURES[name].draw(study))
        if FIGURES[name].column:
            with style.style(style.COLUMN):
                files["column.svg"] = _files(FIGURES[name].draw(study), ["svg"])["svg"]
    except Unfit as reason:
        return str(reason)
    return files


def write(drawn: dict[str, Drawn], folder: Path) -> None:
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


def _files(figure: Figure, kinds: Sequence[str] = tuple(UNDATED)) -> Drawn:
    """A figure in each of these formats."""
    files = {}
    # The layout is solved once and serves all formats.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for kind in kinds:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=UNDATED[kind])
        files[kind] = buffer.getvalue()
    if "svg" in files:
        files["svg"] = hover.with_titles(figure, files["svg"])
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
