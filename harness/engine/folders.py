"""Where the runs of a launch lie: each in the folder that it has, or in a new one, whose name tells
what is swept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.engine.names import short, swept_keys
from harness.run.identity import Cell


def placed(cells: Sequence[Cell]) -> list[Cell]:
    """The runs with the folders they have, whatever earlier launches swept, or are to have.

    A run is found by the hash at the end of its folder's name: the swept keys before it are those
    of the launch that named it.
    """
    present = {sweep: _named(sweep) for sweep in {cell.folder.parent for cell in cells}}
    found = []
    for cell, swept in zip(cells, swept_keys([cell.run for cell in cells]), strict=True):
        sweep, (start, _, end) = cell.folder.parent, cell.folder.name.rpartition("-")
        name = f"{start}{short(swept)}-{end}"
        for other in present[sweep].get(end, ()):
            if other.startswith(f"{start}-"):
                name = other
        found.append(cell._replace(folder=sweep / name))
    return found


def _named(sweep: Path) -> dict[str, list[str]]:
    """The names in a sweep's folder by their hashes; none where there is no such folder."""
    names: dict[str, list[str]] = {}
    try:
        for name in sorted((entry.name for entry in sweep.iterdir()), reverse=True):
            names.setdefault(name.rpartition("-")[2], []).append(name)
    except OSError:  # said by whoever writes there
        pass
    return names
