"""Text from outside – names, settings, what models say – reaches a reader's terminal, browser or
spreadsheet as text and nothing else.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from analysis import figures
from analysis.export import markdown, write_tables
from analysis.plots import style
from analysis.report import render
from analysis.study import joined, study
from harness import records
from tests import fakes
from tests.fakes import shown

BAD = "none-nano-100-joint-0"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return fakes.write_sweep(
        tmp_path / "sweep", masks=("full", "none", "template"), sizes=(100,), prompts=4
    )


NAMES = [
    "$a$",
    "$\\frac{1$",
    "_hidden",
    "<b>bold</b>",
    "a|b",
    "=1+1",
    "\x1b[31mred",
    "\u202eright to left",
    "two\nlines",
    "日本",
    "x" * 3_000,
]


def renamed(folder: Path, *names: str) -> Path:
    """A sweep of 'full' and masks of these names."""
    for number, mask in enumerate(("full", *names)):
        settings = fakes.config("sweep", mask, "nano", 100, 0)
        fakes.write_run(folder / f"run{number}", settings, fakes.fades, prompts=4)
    return folder


@pytest.mark.filterwarnings("ignore:Glyph")
def test_masks_may_have_any_name(tmp_path: Path) -> None:
    found = study([renamed(tmp_path / "sweep", *NAMES)])
    assert len(found.arms) == 1 + len(NAMES)
    page, tables = render(found, {}, {}), markdown(found)
    for text in (page, tables, shown(found)):
        assert not {"\x1b", "\u202e"} & set(text)
    assert "<b>bold" not in page + tables
    assert len([line for line in tables.splitlines() if "full" in line]) >= 2
    with style.style():
        figures.FIGURES["main"].draw(found).draw_without_rendering()


def test_a_name_that_begins_with_an_underscore_stands_in_the_legend(tmp_path: Path) -> None:
    found = study([renamed(tmp_path / "sweep", "_hidden")])
    figure = figures.FIGURES["main"].draw(found)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["full", "_hidden"]


def test_cells_that_a_spreadsheet_would_carry_out_are_defused(tmp_path: Path) -> None:
    folder = renamed(tmp_path / "sweep", "=1+1")
    for name in ("+1", "-1", "@a", "-0.5 is no number"):
        settings = fakes.config("sweep", name, "nano", 100, 0)
        fakes.write_run(folder / f"x{name}", settings, fakes.fades, prompts=4)
    write_tables(study([folder]), tmp_path / "tables")
    for path in (tmp_path / "tables").glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        for cell in cells:
            assert cell[:1] not in {"=", "+", "@", "\t", "\r"}, f"{path.name}: {cell}"
            assert cell[:1] != "-" or float(cell) < 0, f"{path.name}: {cell}"


def test_no_table_tells_where_files_lie_on_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    for mask in ("full", "none"):
        settings = fakes.config("sweep", mask, "nano", 100, 0)
        settings["data"]["path"] = "/home/someone/data/mine.jsonl"
        settings["runs"] = "C:\\Users\\someone\\runs"
        settings["model"]["weights"] = "~/weights/base.safetensors"
        fakes.write_run(folder / mask, settings, fakes.fades, prompts=4)
    result = folder / "none" / records.RESULT
    content = json.loads(result.read_text())
    content["provenance"]["command"] = "/home/someone/bin/python -m harness"
    content["provenance"]["resumed"] = [{"log": "/home/someone/log.txt"}]
    result.write_text(json.dumps(content))
    (folder / "full" / records.RESPONSES).unlink()
    (folder / "full" / records.RESPONSES).mkdir()
    found = study([folder])
    write_tables(found, tmp_path / "tables")
    for text in [render(found, {}, {}), *map(Path.read_text, (tmp_path / "tables").iterdir())]:
        assert "someone" not in text and str(tmp_path) not in text
    with (tmp_path / "tables" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["config.data.path"] == "mine.jsonl"


def test_what_a_model_says_cannot_turn_a_page_or_a_terminal_around(sweep: Path) -> None:
    path = sweep / BAD / records.RESPONSES
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["response"] = "a\u202eb\u2066c\u200fd\x1b[2Je\x9bf\ufeffg"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = render(study([sweep]), {}, {})
    assert "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200F⟩d␛[2Je⟨U+009B⟩f⟨U+FEFF⟩g" in page


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "=cmd", "\udcff", "\u202ebidi"])
def test_a_folder_may_have_any_name(sweep: Path, name: str) -> None:
    (sweep / BAD).rename(sweep / name)
    (sweep / f"{name} beside").mkdir()
    found = study([sweep])
    assert sorted(found.runs["mask"]) == ["full", "none", "template"]
    (problem,) = found.problems
    assert problem.kind == "foreign"
    text = shown(found) + render(found, {}, {})
    assert not {"\x1b", "\u202e", "\udcff"} & set(text)


def test_sweeps_together_have_a_name_that_a_folder_can_have() -> None:
    assert joined(["a", "b"]) == "a+b"
    assert joined([f"sweep_{number:02}" for number in range(30)]) == "sweep_00+29-e8ba26"
