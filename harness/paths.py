"""Where the package's own files lie: beside it in a checkout, inside it once installed from a
wheel.
"""

from __future__ import annotations

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
