"""`python -m analysis RUNS --export`: what others read, and that it is described in full."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.croissant import licences
from tests import fakes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = fakes.write_sweep(
        tmp_path_factory.mktemp("x") / "s", sizes=(100,), seeds=(0, 1), prompts=4
    )
    for number, path in enumerate(sorted(sweep.glob("*/result.json"))):
        result = json.loads(path.read_text())
        result["provenance"]["finished"] = f"2026-03-0{number + 1}T10:00:00+00:00"
        path.write_text(json.dumps(result))
    assert main([str(sweep), "--export"]) == 0
    assert not (sweep / "report" / "index.html").exists()
    return sweep / "report" / "export"


def test_runs_outcomes_and_responses_are_whole(folder: Path) -> None:
    runs = pd.read_parquet(folder / "runs.parquet")
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    responses = pd.read_parquet(folder / "responses.parquet")
    assert len(runs) == 6 and "path" not in runs and str(folder.parents[2]) not in runs.to_csv()
    assert len(responses) == 6 * 4
    exact = outcomes[outcomes["outcome"] == "scores.exact_match"].set_index("run")["value"]
    assert len(exact) == 6
    means = responses.groupby("run")["scores.exact_match"].mean()
    pd.testing.assert_series_equal(means, exact, check_names=False, check_like=True)
    assert set(outcomes[outcomes["outcome"] == "nll.test.answer"]["better"]) == {"lower"}
    assert responses["scores.checked"].isna().all()
    assert responses["reference"].iloc[0] == "answer 0"


def test_every_column_is_in_the_dictionary_and_the_description(folder: Path) -> None:
    dictionary = pd.read_csv(folder / "dictionary.csv", keep_default_na=False)
    about = json.loads((folder / "croissant.json").read_text())
    assert about["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    for name in ("runs", "outcomes", "responses"):
        path = folder / f"{name}.parquet"
        columns = list(pd.read_parquet(path).columns)
        own = dictionary[dictionary["file"] == path.name]
        assert list(own["column"]) == columns and (own["doc"] != "").all()
        (file,) = (each for each in about["distribution"] if each["@id"] == path.name)
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        (records,) = (each for each in about["recordSet"] if each["@id"] == name)
        assert [field["name"] for field in records["field"]] == columns
        kinds = {field["name"]: field["dataType"] for field in records["field"]}
        assert kinds["seed"] == "sc:Integer" and kinds["arm"] == "sc:Text"
    assert dictionary.set_index(["file", "column"]).loc[("responses.parquet", "nats"), "unit"] == (
        "nats"
    )


def test_licence_version_date_and_citation_are_told(folder: Path) -> None:
    about = json.loads((folder / "croissant.json").read_text())
    assert about["license"] == ["MIT"] and about["version"] == version("prompt-mask-harness")
    assert about["datePublished"] == "2026-03-06"
    assert about["citeAs"] == (
        "@misc{prompt-mask-harness, author = {The prompt mask harness authors}, title = {s: "
        "fine-tuning runs with masks of the loss}, version = {0.1.0}, year = {2026}}"
    )


def test_each_set_has_its_licence() -> None:
    runs = pd.DataFrame(
        {
            "data": ["lima", "mine", "builtin", "lima"],
            "config.data.source": ["named", "files", "builtin", "named"],
            "config.data.named.licence": ["CC BY-NC-SA 4.0", None, None, "CC BY-NC-SA 4.0"],
        }
    )
    assert licences(runs) == ["MIT", "lima: CC BY-NC-SA 4.0", "mine: that of its files"]


def test_tables_for_papers_lie_beside(folder: Path) -> None:
    assert (folder / "tables" / "results.md").is_file()
    assert r"\begin{tabular}" in (folder / "tables" / "results.tex").read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # its own, of rdflib
def test_croissants_own_library_reads_it(folder: Path) -> None:
    croissant = pytest.importorskip("mlcroissant", reason="needs mlcroissant")
    found = croissant.Dataset(jsonld=folder / "croissant.json")
    assert not found.metadata.issues.errors and not found.metadata.issues.warnings
    assert sum(1 for _ in found.records("outcomes")) > 6
