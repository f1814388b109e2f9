"""Where files lie: the package's own, beside it in a checkout and inside it once installed from a
wheel; and those that a config names, which a launch may have brought here from another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
PACKAGES = _PACKAGE.parent
"""The folder that the package was imported from."""


def _find(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else PACKAGES / name


CONF = _find("conf")
SWEEPS = _find("sweeps")
ASSETS = _PACKAGE / "assets"

_brought: dict[str, Path] = {}


def located(name: str) -> Path:
    """Where on this machine lies what a config calls `name`: there, unless it was brought here."""
    return _brought.get(name, Path(name))


def bring(places: Mapping[str, Path]) -> None:
    """From now on, files of these names lie at these places."""
    _brought.update(places)
