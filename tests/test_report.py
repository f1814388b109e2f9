"""The report: the same bytes again, nothing from elsewhere, model output harmless, holes in
sight.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from analysis import drawing, figures
from analysis.__main__ import main
from analysis.figures import FIGURES
from analysis.fit import Unfit
from analysis.report import render
from analysis.study import Study, study
from harness import records
from harness.records.visible import visible
from tests import browser, fakes


def write_only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make all figures, and write those of these names: writing takes the time."""
    drawn = drawing._draw

    def lightly(of: Study, name: str) -> drawing.Drawn | str:
        if name in names:
            return drawn(of, name)
        try:
            FIGURES[name].draw(of)
        except Unfit as reason:
            return str(reason)
        return dict.fromkeys(("svg", "column.svg", "png", "pdf"), b"<svg></svg>")

    monkeypatch.setattr(drawing, "_draw", lightly)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two masks less one run, one broken folder; responses with markup."""
    folder = tmp_path_factory.mktemp("runs") / "demo"
    fakes.write_sweep(folder, masks=("full", "none"), sizes=(100, 1000), seeds=(0, 1), prompts=6)
    shutil.rmtree(folder / "none-nano-1000-joint-1")
    (folder / "notes").mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        write_only(monkeypatch, "main", "delta")
        assert main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def page(sweep: Path) -> str:
    return (sweep / "report" / "index.html").read_text("utf-8")


def rendered(*folders: Path) -> str:
    """The page without its figures, which take the time."""
    return render(study(folders), {}, {})


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "names",
    [("main",), pytest.param(tuple(FIGURES), marks=pytest.mark.slow)],
    ids=["one", "all"],
)
def test_the_same_runs_give_the_same_bytes(
    sweep: Path, tmp_path: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.drawing.FIGURES", {name: FIGURES[name] for name in names})
    first = sweep / "report"
    if len(names) > 1:  # those of the sweep's own report are written in part
        first = tmp_path / "first"
        assert main([str(sweep), "--out", str(first)]) == 0
    assert main([str(sweep), "--out", str(tmp_path / "again")]) == 0
    before, again = files(first), files(tmp_path / "again")
    assert {"verdict.json", "tables/results.md", "figures/main.pdf"} <= set(again)
    of_all = {"index.html"} if len(names) < len(FIGURES) else set()
    assert {name for name in again if before.get(name) != again[name]} <= of_all
    assert rendered(sweep) == rendered(sweep)


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    plain = re.sub(r' xmlns(:\w+)?="[^"]*"', "", page)  # names of XML vocabularies, not addresses
    assert re.findall(r"https?:|src=|@import|<link(?! rel=\"icon\" href=\"data:,\")", plain) == []
    assert set(re.findall(r'href="(.)', plain)) <= {"#", "d"}
    assert not re.search(r"url\((?!#)", plain)


def test_the_advice_comes_first_then_what_was_run(page: str, sweep: Path) -> None:
    advice = json.loads((sweep / "report" / "verdict.json").read_text())["advice"]
    text = re.sub(r"<[^>]+>", "", page[page.index("<body>") :]).split()
    assert html.unescape(" ".join(text[: len(advice.split())])) == advice
    above = page[: page.index("<h2>")]
    for fact in (
        "nano (4 layers of 128, 0.8M parameters without embeddings), weights ",
        "<td>100, 1,000</td>",  # training examples
        "<td>40</td>",  # test examples
        "<td>34 tokens</td>",
        "<td>9 tokens, end token counted</td>",
        "<td>3.78</td>",  # prompt / response
        "<td>headers</td>",
    ):
        assert fact in above
    assert re.findall(r'href="#([\w-]+)"', above)[:3] == ["answers", "main", "delta"]
    targets = set(re.findall(r'href="#([\w-]+)"', above))
    assert targets <= set(re.findall(r'id="([\w-]+)"', page))


def test_a_claims_verdict_comes_before_the_advice(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", sizes=(100, 300, 1000), seeds=(0, 1), claim="small_data", prompts=2
    )
    text = re.sub(r"<[^>]+>", " ", rendered(folder))
    body = " ".join(text[text.index("inconclusive:") :].split())
    assert body.startswith("inconclusive: With little data, not masking is better Clearest at ")
    assert body.index("The more data, the less not masking gains") < body.index("Open: 2 seeds")


def test_model_output_is_escaped(page: str) -> None:
    assert fakes.HOSTILE not in page
    assert (
        "&lt;script&gt;console.error(&#39;escaped?&#39;)&lt;/script&gt; "
        "&amp; &lt;b&gt;bold&lt;/b&gt;" in page
    )
    assert page.count("<script>") == 1


def test_control_characters_are_shown() -> None:
    assert visible("a\x1b[31m\x00b\nc\x7f") == "a␛[31m␀b\nc␡"


def test_what_is_missing_or_unusable_stands_above_the_figures(page: str) -> None:
    above = page[: page.index("<h2>")]
    assert "1 run of the grid missing" in above
    assert "&#39;none&#39;, 1,000 examples: 1 seed missing" in above
    assert "demo/notes: foreign: not a run: no config.yaml" in above


def test_a_whole_sweep_has_no_warning(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "whole", masks=("full", "none"), sizes=(100,), prompts=4)
    assert 'class="warning"' not in rendered(folder)


def test_the_page_tells_what_was_trained_on_and_what_looks_odd(page: str, tmp_path: Path) -> None:
    row = page.split("The data</h3>")[-1].split("</table>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[:4] == ["builtin", "nano", "100", "2"]
    assert "400 / 800" in cells and "+1.125" in cells and cells[-1] == "1"
    assert "looks odd" not in page
    fakes.write_sweep(tmp_path, masks=("full", "none"), sizes=(100,), seeds=(0,), prompts=6)
    odd = f"the responses look odd {'so ' * 40}<b>"
    for path in tmp_path.glob(f"*/{records.RESULT}"):
        result = json.loads(path.read_text("utf-8"))
        result["described"]["warnings"] = odd
        path.write_text(json.dumps(result), "utf-8")
    found = rendered(tmp_path)
    assert f"<li>builtin, 100 examples, seed 0: {html.escape(odd)}</li>" in found
    del result["described"]
    for path in tmp_path.glob(f"*/{records.RESULT}"):
        path.write_text(json.dumps(result | {"identity": path.parent.name}), "utf-8")
    assert "The data" not in rendered(tmp_path)


def test_one_figure_can_be_made_again(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(sweep), "--figure", "delta", "--out", str(tmp_path)]) == 0
    assert sorted(files(tmp_path)) == [
        f"figures/delta.{kind}" for kind in ("column.svg", "pdf", "png", "svg")
    ]
    assert (tmp_path / "figures" / "delta.svg").read_bytes() == (
        sweep / "report/figures/delta.svg"
    ).read_bytes()
    assert main([str(sweep), "--figure", "ratio", "--out", str(tmp_path)]) == 2
    assert "ratio: not drawn: the length ratio does not vary" in capsys.readouterr().err


def test_an_unknown_figure_is_refused_with_the_known_ones(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(sweep), "--figure", "pie"])
    error = capsys.readouterr().err
    assert all(name in error for name in figures.FIGURES)


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err == f"analysis: {tmp_path / 'absent'}: no such folder\n"


def test_sweeps_are_compared_in_one_report(tmp_path: Path) -> None:
    first = fakes.write_sweep(tmp_path / "a", masks=("full",), sizes=(100,), prompts=4)
    second = fakes.write_sweep(tmp_path / "b", masks=("none",), sizes=(100,), prompts=4)
    assert "2 runs, 2 masks, 1 fair pair against" in rendered(first, second)
    assert main([str(first), str(second), "--figure", "main"]) == 0
    assert (tmp_path / "a+b" / "report" / "figures" / "main.svg").exists()


def test_a_truncated_file_of_responses_is_named_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", masks=("full", "none"), sizes=(100,), prompts=4)
    path = folder / "none-nano-100-joint-0" / records.RESPONSES
    path.write_text(path.read_text()[:-40])
    line = "none-nano-100-joint-0: corrupt: responses.jsonl:4:"
    assert line in rendered(folder)
    monkeypatch.setattr("analysis.drawing.draw", lambda study: ({}, {}))
    assert main([str(folder)]) == 0
    assert line in " ".join(capsys.readouterr().out.split())


@pytest.mark.skipif(
    browser.find() is None, reason="no Chromium on this machine: the page is not opened"
)
def test_chromium_finds_no_fault_and_runs_no_model_output(sweep: Path, tmp_path: Path) -> None:
    dom, console = browser.opened(sweep / "report" / "index.html", tmp_path)
    assert console == []
    assert dom.count("<script>") == 1 and "<b>bold" not in dom
    # The page's own script ran: tables can be sorted, what has many parts can be filtered.
    assert 'tabindex="0"' in dom and 'aria-label="filter rows"' in dom


def test_answers_stand_side_by_side_before_the_figures(page: str) -> None:
    answers, drawn = page.index("What the models answer</h2>"), page.index("<h2>Figures</h2>")
    assert answers < drawn and 'href="#answers"' in page
    first = page[answers:drawn].split('<section class="example">')[1]
    assert re.findall(r"<h4>(\w+)", first) == ["prompt", "reference", "full", "none"]


def test_a_single_run_gets_its_own_short_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_only(monkeypatch)
    folder = fakes.write_sweep(tmp_path / "single", masks=("partial",), sizes=(100,), prompts=4)
    assert main([str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "One mask alone: nothing to choose between." in printed
    assert "baseline" not in printed and "!" not in printed
    page = (folder / "report" / "index.html").read_text()
    assert "One mask alone: nothing to choose between." in page
    assert 'class="warning"' not in page and "1 run, 1 mask" in page


def test_a_runs_own_folder_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=4)
    run = folder / "none-nano-100-joint-0"
    assert main([str(run), "--figure", "main"]) == 0
    assert (run / "report" / "figures" / "main.svg").exists()


def test_a_sweep_without_full_is_compared_with_the_first_of_its_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", masks=("none", "partial", "template"), sizes=(100,), prompts=4
    )
    assert "2 fair pairs against &#39;none&#39;" in rendered(folder).replace("'", "&#39;")
    assert study([folder], "partial").baseline == "partial"
    assert main([str(folder), "--baseline", "full"]) == 2
    assert capsys.readouterr().err == (
        "analysis: baseline 'full': no run has this mask, expected one of none, template, partial\n"
    )


def test_runs_that_were_kept_without_responses_are_no_fault(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=4)
    for path in folder.glob(f"*/{records.RESPONSES}"):
        path.unlink()
    (problem,) = study([folder]).all_problems
    assert problem.kind == "in part"
    assert problem.message == (
        "kept without responses.jsonl and 1 more: what it holds is not shown"
    )
