"""The table of traps holds what the tests and the list of bugs hold."""

from __future__ import annotations

import re

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant

TABLE = (ROOT / "docs" / "traps.md").read_text("utf-8")
ROWS = {
    cells[1]: cells
    for line in TABLE.splitlines()
    if len(cells := [cell.strip() for cell in line.split("|")]) == 8
    and cells[1] not in ("trap", "---")
}
"""Trap -> the cells of its row, an empty one before and after."""

NAMED = [
    (path.name, name)
    for path in sorted((ROOT / "tests").glob("test_*.py"))
    for name in re.findall(r"^def (test_(?:trap|null)_\w+)", path.read_text("utf-8"), re.MULTILINE)
]
"""Every test that is named after a trap, with its file."""


def traps_of(name: str) -> list[str]:
    """The traps in a test's name: `test_trap_11_and_12_…` has two."""
    if name.startswith("test_null_"):
        return ["null"]
    return re.findall(r"\d+", re.findall(r"^test_trap_(\d+(?:_and_\d+)?)", name)[0])


def test_every_trap_has_its_row_with_a_story_and_a_rule() -> None:
    assert list(ROWS) == [*map(str, range(1, 34)), "null"]
    assert all(all(cells[1:7]) for cells in ROWS.values())


@pytest.mark.parametrize("trap", ROWS)
def test_a_row_names_the_tests_and_the_bugs_of_its_trap(trap: str) -> None:
    cells = ROWS[trap]
    tests = {f"`{file}::{name}`" for file, name in NAMED if trap in traps_of(name)}
    assert set(cells[5].split("<br>")) == tests
    assert cells[6] == "; ".join(mutant.bug for mutant in MUTANTS if mutant.trap == trap)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.trap}: {mutant.bug}")
def test_a_bug_still_fits_into_the_code_and_has_a_test_that_is_there(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text("utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new
    for test in mutant.tests.split():
        assert tuple(test.split("::")) in NAMED
