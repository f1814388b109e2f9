"""One file holds what a study's verdicts, tables and figures are made of."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from analysis import archive
from analysis.__main__ import main
from analysis.figures import FIGURES
from analysis.load import read
from analysis.study import study
from tests import fakes


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "s"
    fakes.write_sweep(folder, sizes=(100, 1000), seeds=(0, 1), claim="small_data", prompts=3)
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def kept(sweep: Path) -> Path:
    path = sweep.parent / "s.parquet"
    assert main([str(sweep), "--archive", str(path)]) == 0
    return path


DRAWN = ("learning_curves", "behaviour")
"""Figures of what no table shows: evaluations midway, and answers."""


@pytest.mark.parametrize("drawn", [(), pytest.param(DRAWN, marks=pytest.mark.slow)])
def test_an_archive_gives_the_same_bytes_as_its_folder(
    sweep: Path,
    kept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: tuple[str, ...],
) -> None:
    monkeypatch.setattr("analysis.drawing.FIGURES", {name: FIGURES[name] for name in drawn})
    assert main([str(sweep), "--out", str(tmp_path / "a")]) == 0
    assert main([str(kept), "--out", str(tmp_path / "b")]) == 0
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")}
    assert files == {path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*.*")}
    # runs.csv has columns that no table or figure needs: times and families.
    same = files - {Path("tables/runs.csv"), Path("index.html")}
    assert {f"figures/{name}.svg" for name in drawn} < {str(path) for path in same}
    for name in same:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert "Spell word 0." in (tmp_path / "b" / "index.html").read_text()


def test_the_same_runs_give_the_same_archive(sweep: Path, kept: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    assert main([str(sweep), "--archive", str(again)]) == 0
    assert again.read_bytes() == kept.read_bytes()


def test_the_report_of_an_archive_lies_where_its_name_says(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    path.write_bytes(kept.read_bytes())
    assert main([str(path), "--figure", "delta"]) == 0
    assert (tmp_path / "mine" / "report" / "figures" / "delta.svg").exists()


def test_an_archive_may_be_compared_with_a_folder(kept: Path, tmp_path: Path) -> None:
    other = fakes.write_sweep(
        tmp_path / "t", masks=("partial",), sizes=(100,), seeds=(0,), prompts=3
    )
    found = study([kept, other])
    assert found.arms == ["full", "none", "template", "partial"]
    assert set(found.curves[0]["arm"]) == set(found.arms)
    (pair,) = found.pairs[found.pairs["arm"] == "partial"].to_dict("records")
    assert found.runs.loc[pair["baseline_run"], "sweep"] == "s"


def test_what_is_too_large_loses_the_curves_of_single_roles_and_says_so(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1)
    path = tmp_path / "small.parquet"
    assert main([str(sweep), "--archive", str(path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "without the evaluations of end, input, instruction, response, template" in out
    assert set(study([path]).curves[0]["role"]) == {"answer"}


def test_no_archive_tells_where_runs_lay(sweep: Path, kept: Path) -> None:
    content = archive.read_archive(kept)
    assert "path" not in content.runs
    assert str(sweep.parent) not in json.dumps(content.texts)
    assert len(read([kept]).runs) == 12


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text"])
def test_what_is_no_archive_is_one_line(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    assert main([str(path)]) == 2
    pd.DataFrame({"a": [1]}).to_parquet(path)
    assert main([str(path)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"analysis: {path}: not an archive of runs: ")
    assert second == (
        f"analysis: {path}: not an archive of runs: "
        "expected the kind 'prompt-mask-harness runs, version 1'"
    )
