"""What lies around the command and may not disturb it: a user's files that are named like
libraries, a pipe that closes early, a script without a guard.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fakes
from tests.tiny_sweep import ROOT, environment, overrides

pytestmark = pytest.mark.process

MINE = "raise SystemExit('a file of the user was taken for a library')\n"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python in `folder` that finds the packages as if they were installed."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, cwd=folder,
        env={**os.environ, **environment({})},
    )  # fmt: skip


def test_files_of_the_user_that_are_named_like_libraries_are_left_alone(tmp_path: Path) -> None:
    here = tmp_path / "here"
    for name in ("harness", "analysis"):
        (here / name).mkdir(parents=True)
        (here / name / "__init__.py").write_text(MINE)
    for name in ("harness", "analysis", "torch", "numpy", "types", "random", "conf", "tests"):
        (here / f"{name}.py").write_text(MINE)
    (here / "conf" / "mask").mkdir(parents=True)
    (here / "conf" / "mask" / "mine.yaml").write_text("name: mine\nweight: {instruction: 0.3}\n")
    script = tmp_path / "bin" / "harness"  # as pip writes it
    script.parent.mkdir()
    script.write_text("from harness.__main__ import script\nscript()\n")
    done = python(here, str(script), *overrides(tmp_path), "mask=mine")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("s/mine-*/result.json"))) == 1


def test_a_script_without_a_guard_launches_once_and_has_its_runs_in_a_table(
    tmp_path: Path,
) -> None:
    arguments = [*overrides(tmp_path), "mask=none,full"]
    script = tmp_path / "mine.py"
    script.write_text(
        "import harness\n"
        "print('begun')\n"
        f"runs = harness.fine_tune(*{arguments!r})\n"
        "print(runs[['mask', 'n_examples', 'steps']].sort_values('mask').to_csv(index=False))\n"
    )
    done = python(tmp_path, str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("begun\n") == 1 and done.stdout.count("] finished ") == 2
    assert "mask,n_examples,steps\nfull,6," in done.stdout and "\nnone,6," in done.stdout


def test_faults_of_a_script_are_an_exception_of_one_line(tmp_path: Path) -> None:
    done = python(tmp_path, "-c", "import harness; harness.fine_tune('mask=ful')")
    assert done.stderr.splitlines()[-1].startswith(
        "harness.config.validate.ConfigError: mask=ful: no such option ful, did you mean full"
    )


@pytest.mark.parametrize(
    "command",
    ["-m analysis --columns", "-m analysis SWEEP", "-m harness --help", "-m harness report SWEEP"],
)
def test_a_pipe_that_closes_early_gets_no_traceback(tmp_path: Path, command: str) -> None:
    fakes.write_sweep(tmp_path / "SWEEP", sizes=(100,), prompts=4)
    done = subprocess.run(
        f"{sys.executable} -u {command} | head -1",
        shell=True, capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1
