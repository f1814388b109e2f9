"""Scores that are added to finished runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.load import load
from harness.__main__ import main
from harness.config import extras
from harness.records import CONFIG, RESPONSES, RESULT, ResponseRecord, Result
from harness.records.storage import read_json, read_jsonl
from harness.run.execute import execute
from harness.run.warm import Warm
from harness.scoring import score_faults
from harness.scoring.embedding import similarity
from tests.test_run import tiny_cell


def test_a_run_scored_later_has_the_records_of_one_scored_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("train.epochs=1", "score.responses=3")
    early, late = (
        tiny_cell(tmp_path, f"score.scores=[{names}]", *settings)
        for names in ("exact_match,chrf", "exact_match")
    )
    expected = execute(early, lambda *_: None, Warm())
    before = execute(late, lambda *_: None, Warm())
    assert set(before.scores) == {"exact_match"} and early.folder != late.folder
    config = late.folder / CONFIG  # as of a version that knew no groups
    older = [line for line in config.read_text().splitlines(keepends=True) if "group:" not in line]
    config.write_text("".join(older))
    assert main(["rescore", str(late.folder), "chrf"]) == 0
    result = read_json(late.folder / RESULT, Result)
    chrf = expected.scores["chrf"]
    assert chrf is not None
    assert capsys.readouterr().out.endswith(f"{late.folder.name}: chrf {100 * chrf:.1f} %\n")
    assert result.scores == expected.scores and result.scored == expected.scored
    assert result.families == expected.families
    assert replace(result, scores=before.scores, scored=before.scored) == before
    records = [list(read_jsonl(each.folder / RESPONSES, ResponseRecord)) for each in (early, late)]
    assert [each.scores for each in records[0]] == [each.scores for each in records[1]]
    (row,) = load(late.folder).to_dict("records")
    assert row["scores.chrf"] == expected.scores["chrf"]


def test_a_score_whose_package_is_missing_is_refused_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "embedding", extras.Extra(("no_such_module",), ""))
    line = "score.scores='embedding': no_such_module is missing, expected pip install"
    assert main(["rescore", str(tmp_path), "embedding"]) == 2
    assert capsys.readouterr().err.startswith(f"harness rescore: {line}")
    assert any(fault.startswith(line) for fault in score_faults("embedding"))


@pytest.mark.slow
def test_meaning_is_nearer_than_words(tmp_path: Path) -> None:
    pytest.importorskip("all_minilm_l6_v2", reason="needs the extra embedding")
    alike = similarity("The film was wonderful.", "I loved the movie.")
    other = similarity("The film was wonderful.", "The film was developed in a lab.")
    assert alike is not None and other is not None and 0.6 < alike < 0.95 and alike > other
    assert similarity("Paris", "Paris") == pytest.approx(1.0, abs=1e-5)
    assert similarity("", "Paris") == 0.0 and similarity("Paris", " ") is None
    cell = tiny_cell(tmp_path, "train.epochs=1", "score.responses=2")
    before = execute(cell, lambda *_: None, Warm())
    assert main(["rescore", str(cell.folder), "embedding"]) == 0
    result = read_json(cell.folder / RESULT, Result)
    assert result.scales["embedding"].unit == "cosine" and result.scored["embedding"] == 2
    assert result.scores["exact_match"] == before.scores["exact_match"]
    assert "scores.embedding" in load(cell.folder)


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
