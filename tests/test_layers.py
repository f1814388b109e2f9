"""Rooms are entered from above alone: the graph of packages has one direction, followed to its
end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.config.extras import EXTRAS
from tests.rooms import ROOT, imports

ROOMS = [
    "paths",
    "records",
    "config",
    "mirrors",
    "data",
    "scoring",
    "models",
    "train",
    "run",
    "judging",
    "engine",
    "bases",
    "commands",
    "library",
    "__main__",
]
"""Rooms of `harness` from the lowest: what lies in one imports from it and lower ones alone."""

FOLDERS = ("harness", "analysis", "tests")


def room(path: Path) -> str:
    return path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


MODULES = [
    path
    for path in sorted((ROOT / "harness").rglob("*.py"))
    if path != ROOT / "harness" / "__init__.py"
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_from_lower_rooms_alone(path: Path) -> None:
    own = ROOMS.index(room(path))
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "harness" and len(parts) > 1:
            assert ROOMS.index(parts[1]) <= own, f"{name} lies above"
        assert parts[0] != "hydra_plugins"


def test_analysis_reads_records_and_nothing_else_of_the_harness() -> None:
    for path in (ROOT / "analysis").rglob("*.py"):
        for name in imports(path):
            if name.startswith("harness."):
                assert name.split(".")[1] == "records", f"{path}: {name}"


@pytest.mark.parametrize(
    "module", ["harness.records.storage", "harness.config.validate", "analysis.run"]
)
def test_light_modules_bring_no_torch_into_the_process(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_run_needs_no_extra() -> None:
    absent = sorted({module for extra in EXTRAS.values() for module in extra.modules})
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent})); "
        "import harness.engine.worker, harness.engine.sweep, harness.engine.local, "
        "harness.run.execute, harness.commands.judge, harness.mirrors.beside"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_file_is_longer_than_300_lines() -> None:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text("utf-8").splitlines()) <= 300, path
