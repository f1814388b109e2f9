"""What the documents say of kept results is what the analysis says of them today."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from analysis import export
from analysis.configs import read_config
from analysis.outcomes import PRIMARY, outcome
from analysis.rate_floor import floors
from analysis.sentences import reason
from analysis.study import Study, study
from analysis.words import interval
from tests import fakes

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs" / "results"


@cache
def small_data() -> Study:
    return study([KEPT / "small_data.parquet"])


@cache
def the_map() -> Study:
    return study([KEPT / "map.parquet"])


def one_line(path: str) -> str:
    return " ".join((ROOT / path).read_text("utf-8").split())


def test_the_kept_runs_give_the_kept_verdicts_and_tables() -> None:
    found = small_data()
    kept = json.loads((KEPT / "small_data" / "verdict.json").read_text("utf-8"))
    assert kept["advice"] == found.advice
    said = [(each["claim"], each["verdict"], each["reason"]) for each in kept["claims"]]
    assert said == [(each.key, each.word, reason(each)) for each in found.verdicts]
    tables = (KEPT / "small_data" / "tables" / "results.md").read_text("utf-8")
    assert export.markdown(found) == tables


def test_the_documents_have_the_kept_verdicts() -> None:
    words = {each.key: each.word for each in small_data().verdicts}
    assert words == {"small_data": "not found", "small_data.trend": "inconclusive"}
    results = one_line("docs/results.md")
    for each in small_data().verdicts:
        assert f"*{each.claim.text}* — **{each.word}**" in results
    assert "not found" in one_line("sweeps/README.md")
    for path in ("README.md", "docs/results.md"):
        assert "exploratory" in one_line(path) and "commit 12dd215" in one_line(path)


def test_the_page_has_what_the_shipped_base_gave() -> None:
    found = study([KEPT / "small_data" / "anew.parquet"])
    assert {each.key: each.word for each in found.verdicts}["small_data"] == "not found"
    page = one_line("docs/results.md").split("**Measured again** on the nano")[1]
    cells = [cell for cell in found.verdicts[0].cells if "template" in cell.label]
    judged = found.verdicts[0].claim.judged
    for cell in cells:
        told = interval(cell.estimate, cell.low, cell.high, judged)
        assert told.replace(" nats/token", "") in page


def test_the_documents_have_the_kept_figures() -> None:
    found = small_data()
    results, readme = one_line("docs/results.md"), one_line("README.md")
    cells = {cell.label: cell for cell in found.verdicts[0].cells}
    judged = found.verdicts[0].claim.judged
    for cell in cells.values():
        assert interval(cell.estimate, cell.low, cell.high, judged) in results
    largest = cells["'template', N = 100"]
    estimate, limits = interval(largest.estimate, largest.low, largest.high, judged).split(" ", 1)
    assert f"{estimate} nats/token {limits}" in readme
    joint = found.effects[PRIMARY].query("condition == 'normalize joint'")
    for row in joint.to_dict("records"):
        assert f"| `{row['arm']}` |" in results and f"{row['mean']:.3f}" in results


def test_the_kept_main_sweep_gives_its_kept_tables_and_leaves_nothing_behind() -> None:
    found = study([KEPT / "main"])
    assert export.markdown(found) == (KEPT / "main" / "results.md").read_text("utf-8")
    shown = fakes.shown(found, 80)
    assert "corrupt" not in shown and "in part" not in shown


@pytest.mark.parametrize("name", ["main/.analysis.parquet", "main/report/index.html"])
def test_what_a_report_of_kept_results_writes_is_ignored(name: str) -> None:
    path = f"docs/results/{name}"
    done = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_the_figures_of_smollm2_are_those_of_its_records() -> None:
    page = (ROOT / "docs" / "models.md").read_text("utf-8").split("### SmolLM2")[1]
    kept = sorted((KEPT / "smollm2").glob("*/*/result.json"))
    assert [path.parent.parent.name for path in kept] == ["all"] * 3 + ["lora"] * 3
    for path in kept:
        result = json.loads(path.read_text("utf-8"))
        nll, bits = result["nll"], result["bits_per_byte"]
        row = f"| `{result['mask']}` | {nll['test']['answer']:.3f} | {bits['test']['answer']:.3f} |"
        assert row in page.split("`train.adapter=lora")[path.parent.parent.name == "lora"]
        assert f"(base: {nll['base']['answer']:.3f})" in page
        assert f"(base: {bits['base']['answer']:.3f})" in page
        assert nll["test"]["answer"] < nll["base"]["answer"]
        config = read_config(path.with_name("config.yaml"))
        assert config["data"]["template"] == "own" and not result["provenance"]["dirty"]
        said = f"one pass of {result['steps']} steps"
        assert result["epochs"] == 1 and said in " ".join(page.split())


def test_the_kept_map_gives_its_verdicts_and_the_page_has_them() -> None:
    found = the_map()
    kept = json.loads((KEPT / "map" / "verdict.json").read_text("utf-8"))
    said = [(each["claim"], each["verdict"], each["reason"]) for each in kept["claims"]]
    assert said == [(each.key, each.word, reason(each)) for each in found.verdicts]
    page = one_line("docs/results.md")
    for each in found.verdicts:
        assert f"| {each.claim.text} | **{each.word}** |" in page
    cells = {cell.label: cell for cell in found.verdicts[0].cells}
    judged = found.verdicts[0].claim.judged
    for label in ("data pubmedqa, N = 300, epochs 10", "data t0_reading, N = 100, epochs 3"):
        estimate, low, high = (getattr(cells[label], name) for name in ("estimate", "low", "high"))
        assert interval(estimate, low, high, judged) in page


@pytest.mark.parametrize(("sweep", "claims"), [("limits", 9), ("limits_anew", 9), ("corners", 7)])
def test_the_page_has_the_verdicts_of_a_study(sweep: str, claims: int) -> None:
    page = one_line("docs/results.md")
    kept = json.loads((KEPT / sweep / "verdict.json").read_text("utf-8"))
    for each in kept["claims"]:
        assert f"| {each['text']} | **{each['verdict']}** |" in page
    assert len(kept["claims"]) == claims


def test_bases_trained_anew_gave_what_the_page_says() -> None:
    cells = []
    for name in ("limits", "limits_anew"):
        kept = json.loads((KEPT / name / "verdict.json").read_text("utf-8"))["claims"]
        cells.append(
            {
                (claim["claim"], cell["label"]): cell
                for claim in kept if claim["claim"] != "limits.answers"
                for cell in claim["cells"] if cell["estimate"] is not None
            }
        )  # fmt: skip
    before, anew = cells
    both = sorted(before.keys() & anew.keys())
    apart = [abs(anew[key]["estimate"] - before[key]["estimate"]) for key in both]
    overlapping = sum(
        anew[key]["low"] <= before[key]["high"] and before[key]["low"] <= anew[key]["high"]
        for key in both
    )
    assert (
        f"In {len(both)} cells whose Δ was measured twice, {overlapping} pairs of intervals "
        f"overlap, the median of the differences is {median(apart):.3f} nats/token, and the "
        f"largest is {max(apart):.3f}"
    ) in one_line("docs/results.md")


@pytest.mark.parametrize("path", ["README.md", "docs/results.md"])
def test_the_gain_that_is_left_is_the_kept_one(path: str) -> None:
    kept = json.loads((KEPT / "corners" / "verdict.json").read_text("utf-8"))
    (claim,) = (each for each in kept["claims"] if each["claim"] == "corners.models")
    (cell,) = (one for one in claim["cells"] if one["label"] == "model nano, data pubmedqa")
    told = interval(cell["estimate"], cell["low"], cell["high"], outcome(PRIMARY))
    share = f"{cell['share']:.0%}".replace("%", " %")
    page = one_line(path)
    assert told.replace(" nats/token", "") in page.replace(" nats/token", "") and share in page


@pytest.mark.slow
def test_the_search_among_built_in_designs_found_what_the_page_says() -> None:
    pairs = study([KEPT / "small_data" / "pilot.parquet"]).pairs
    cell = ["arm", "n_examples", "config.data.prompt_words", "config.train.epochs"]
    loss = pairs.groupby(cell)["delta.nll.test.answer"].mean()
    assert (len(loss), int((loss > 0).sum()), round(loss.max(), 3)) == (36, 1, 0.019)
    assert pairs.groupby(cell)["delta.scores.exact_match"].mean().max() < 0
    assert "in one of 36 cells, by 0.019 nats/token" in one_line("docs/results.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["corners", "limits_anew"])
def test_a_kept_study_gives_its_verdicts(name: str) -> None:
    kept = json.loads((KEPT / name / "verdict.json").read_text("utf-8"))
    said = [(each["claim"], each["verdict"], each["reason"]) for each in kept["claims"]]
    found = study([KEPT / f"{name}.parquet"]).verdicts
    assert said == [(each.key, each.word, reason(each)) for each in found]


@pytest.mark.slow
def test_the_kept_limits_give_verdicts_and_the_figures_that_pages_quote() -> None:
    found = study([KEPT / "limits.parquet"])
    kept = json.loads((KEPT / "limits" / "verdict.json").read_text("utf-8"))
    said = [(each["claim"], each["verdict"], each["reason"]) for each in kept["claims"]]
    assert said == [(each.key, each.word, reason(each)) for each in found.verdicts]
    own = found.tried[(found.tried["data"] == "pubmedqa") & (found.tried["n_examples"] == 100)]
    judged = outcome(PRIMARY)
    cells = floors(own.reset_index(drop=True), found.baseline, found.vary, judged)
    assert list(cells["floor"]) == [2e-4, 7e-5, 2.4e-5, 8e-6]
    page = one_line("README.md")
    for _, cell in cells.iloc[[0, -1]].iterrows():
        told = interval(cell["mean"], cell["low"], cell["high"], judged)
        assert told.replace(" nats/token", "") in page.replace(" nats/token", "")


def test_leaked_answers_go_with_the_gain_on_t0_as_the_page_says() -> None:
    pairs = the_map().pairs
    leaks = json.loads((KEPT / "map" / "leaks.json").read_text("utf-8"))
    shares = {
        (each["seed"], each["n_examples"]): sum(
            share > 0.9 for share in each["in_training_prompts"]
        ) / each["long"]
        for each in leaks
    }  # fmt: skip
    own = pairs[pairs["config.data.name"] == "t0_reading"]
    leaked = [shares[key] for key in zip(own["seed"], own["n_examples"], strict=True)]
    cells = own.assign(leaked=leaked).groupby(["n_examples", "config.train.epochs"])
    found = sorted(float(cell["leaked"].corr(cell[f"delta.{PRIMARY}"])) for _, cell in cells)
    assert [f"{each:.2f}" for each in (found[0], found[1], found[-1])] == ["0.06", "0.68", "0.90"]
    assert ".68 to .90 in five of six cells (.06 in the sixth" in one_line("docs/results.md")
