"""Scores that are added to finished runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.records import RESPONSES, RESULT, ResponseRecord, Result
from harness.records.storage import read_json, read_jsonl
from harness.run.execute import execute
from harness.run.warm import Warm
from tests.test_run import tiny_cell


def test_a_run_scored_later_has_the_records_of_one_scored_at_once(tmp_path: Path) -> None:
    settings = ("train.epochs=1", "score.responses=3")
    early, late = (
        tiny_cell(tmp_path, f"score.scores=[{names}]", *settings)
        for names in ("exact_match,chrf", "exact_match")
    )
    expected = execute(early, lambda *_: None, Warm())
    before = execute(late, lambda *_: None, Warm())
    assert set(before.scores) == {"exact_match"} and early.folder != late.folder
    assert main(["rescore", str(late.folder), "chrf"]) == 0
    result = read_json(late.folder / RESULT, Result)
    assert result.scores == expected.scores and result.scored == expected.scored
    assert result.families == expected.families
    assert replace(result, scores=before.scores, scored=before.scored) == before
    records = [list(read_jsonl(each.folder / RESPONSES, ResponseRecord)) for each in (early, late)]
    assert [each.scores for each in records[0]] == [each.scores for each in records[1]]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["chrff"], "harness rescore: score.scores='chrff': expected one of exact_match, verified"),
        (["chrf"], "harness rescore: nowhere: no finished run, expected the folder of a sweep or"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rescore", "nowhere", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith(line)
