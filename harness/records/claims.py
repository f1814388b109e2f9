"""The claims that a run may name, each with the file that `analysis` reads; plugins add theirs."""

from __future__ import annotations

from pathlib import Path

CLAIMS: dict[str, Path] = {
    path.stem: path
    for path in sorted((Path(__file__).parents[2] / "analysis" / "claims").glob("*.yaml"))
}
"""Name -> file. A sweep that names `x` is judged by `x` and by its further questions `x.y`."""
