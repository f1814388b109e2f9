"""The documentation as a site: every page is in it, and it builds offline without a warning."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.engine.launchers import LAUNCHERS
from tests.tiny_sweep import ROOT

DOCS = ROOT / "docs"


def test_the_index_names_every_page() -> None:
    named = re.findall(r"^(\w+)$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted({path.stem for path in DOCS.glob("*.md")} - {"index"})


def test_the_reference_has_all_that_the_library_offers() -> None:
    told = re.findall(r":members: (.*)", (DOCS / "reference.md").read_text("utf-8"))
    names = {name for line in told for name in line.split(", ")}
    assert set(harness.__all__) - {"fine_tune"} <= names  # which takes the command line's words


def test_every_block_of_python_on_it_is_run_by_a_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of library.md by test_library and test_library_trl; the sketch of a launcher here."""
    found = {
        path.name: re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
        for path in DOCS.glob("*.md")
    }
    counts = {name: len(blocks) for name, blocks in found.items() if blocks}
    assert counts == {"library.md": 3, "sweeps.md": 1}
    monkeypatch.setattr(LAUNCHERS, "_entries", dict(LAUNCHERS._entries))
    (sketch,) = found["sweeps.md"]
    (tmp_path / "sketch.py").write_text(sketch, "utf-8")
    runpy.run_path(str(tmp_path / "sketch.py"), run_name="sketch")
    assert LAUNCHERS.get("mine").settings().cores is None


@pytest.mark.slow
def test_it_builds_offline_without_a_warning(tmp_path: Path) -> None:
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="needs the extra site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(DOCS),
         str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "reference.html").read_text("utf-8")
    assert "harness.library.masks.weights" in page and "harness.config.schema.Mask" in page


def test_making_it_leaves_the_clone_installed_as_a_clone() -> None:
    """A copy among the site-packages would have every mask twice: there and in `conf/`."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    installs = re.findall(r"pip install (.*'\.\[\w+\]')", makefile)
    assert len(installs) == 3 and all(" -e '" in line for line in installs), installs
