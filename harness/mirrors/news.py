"""What a tracker has not seen yet of a sweep, shown to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.mirrors import MIRRORS
from harness.mirrors.reading import read_trace
from harness.records import CONFIG
from harness.records.storage import write_json
from harness.records.visible import visible

HIDDEN = ".mirror"
"""Folder inside a sweep's folder for what mirrors have seen."""


def show_news(name: str, sweep: Path, out: Path | None = None) -> Iterator[str]:
    """Show a tracker what is new of every run that has begun; a line for each that could not be.

    Args:
        name: of the mirror.
        sweep: the folder of runs.
        out: where the tracker keeps what it keeps on this machine.

    Raises:
        OSError: a folder cannot be made.
    """
    mirror, state = MIRRORS.get(name), sweep / HIDDEN / f"{name}.json"
    out = out or sweep / HIDDEN / name
    folders = runs_in(sweep)
    for folder in (out, sweep / HIDDEN) if folders else ():
        folder.mkdir(parents=True, exist_ok=True)
    seen = _seen(state)
    for folder in folders:
        last, finished = seen.get(folder.name, (-1, False))
        if finished:
            continue
        try:
            trace = read_trace(folder)
            rows = [(step, values) for step, values in trace.rows if step > last]
            if rows or trace.summary:
                mirror.show(trace._replace(rows=rows, begun=last >= 0), out)
                last = rows[-1][0] if rows else last
                seen[folder.name] = (last, bool(trace.summary))
                write_json(state, {"runs": seen})
        except Exception as error:  # a tracker raises what it likes
            said = " ".join(f"{type(error).__name__}: {error}".split())
            yield f"{folder.name}: {visible(said)[:300]}"


def runs_in(sweep: Path) -> list[Path]:
    """The folders of runs that have begun."""
    return sorted(path.parent for path in sweep.glob(f"[!.]*/{CONFIG}"))


def _seen(state: Path) -> dict[str, tuple[int, bool]]:
    """Run -> the last step that was shown, and whether its result was."""
    try:
        runs = json.loads(state.read_text("utf-8"))["runs"]
        return {str(run): (int(step), bool(finished)) for run, (step, finished) in runs.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
