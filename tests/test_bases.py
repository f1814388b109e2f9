"""The base ladder: the records, the documentation and the shipped weights say the same."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from scipy import stats

from analysis.bases import LadderError, ladder, markdown, wilson
from harness.models.weights import find
from harness.paths import ASSETS

DOCS = Path(__file__).parent.parent / "docs"
SHIPPED = ["nano", "micro", "mini"]


def test_the_documented_table_is_that_of_the_records() -> None:
    bases = ladder(DOCS / "bases")
    assert [base.name for base in bases][:3] == SHIPPED
    assert markdown(bases) in (DOCS / "models.md").read_text("utf-8")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_weights_are_those_that_were_measured(name: str) -> None:
    path = find("shipped", name)
    assert path.parent == ASSETS
    measured = json.loads((DOCS / "bases" / f"{name}.assessed.json").read_text("utf-8"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == measured["sha256"]


def test_a_larger_base_that_is_no_better_is_one_line(tmp_path: Path) -> None:
    for path in (DOCS / "bases").glob("*.json*"):
        shutil.copy(path, tmp_path)
    file = tmp_path / "mini.assessed.json"
    measured = json.loads(file.read_text("utf-8"))
    measured["held_out"]["nats_per_token"] = 3.9
    file.write_text(json.dumps(measured), "utf-8")
    with pytest.raises(
        LadderError, match=r"held-out loss of mini is 3.9000, expected below micro's"
    ):
        ladder(tmp_path)
    with pytest.raises(LadderError, match="expected the records of at least one base"):
        ladder(tmp_path / "none")


@pytest.mark.parametrize(("right", "asked"), [(0, 10), (40, 889), (500, 889)])
def test_the_interval_of_a_share_is_that_of_scipy(right: int, asked: int) -> None:
    theirs = stats.binomtest(right, asked).proportion_ci(method="wilson")
    assert wilson(right, asked) == pytest.approx(tuple(theirs))
