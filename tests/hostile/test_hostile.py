"""The corpus as tests: a few cases of each area by default, all of them as slow ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.corpus import AREAS, CASES, QUICK

ROOT = Path(__file__).parents[2]


def carried_out(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The corpus's own command, in a process that has no threads yet."""
    command = [sys.executable, "-m", "tests.hostile", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_names_are_unique_and_the_quick_ones_are_there() -> None:
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names) >= 220
    assert set(QUICK) <= set(names)


@pytest.mark.process
def test_the_most_telling_cases_end_in_one_clear_line() -> None:
    done = carried_out("quick")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("area", [area.name for area in AREAS])
def test_every_hostile_case_ends_as_it_should(area: str) -> None:
    done = carried_out(area)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_fork_does_what_a_process_of_its_own_does() -> None:
    done = carried_out("--sample", "20")
    assert "differs from the fork" not in done.stdout, done.stdout
