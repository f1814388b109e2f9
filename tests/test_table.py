"""The terminal's table: what it says, and that 80 columns hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.study import study
from tests import fakes


def printed(folder: Path, width: int = 80) -> str:
    return fakes.shown(study([folder]), width)


@pytest.mark.parametrize("width", [80, 120])
def test_every_cell_is_one_line_with_scores_loss_and_difference(tmp_path: Path, width: int) -> None:
    folder = fakes.write_sweep(
        tmp_path / "sweep",
        masks=("full", "hierarchical"),
        sizes=(100, 10000),
        seeds=(0, 1),
        prompts=4,
    )
    text = printed(folder, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "sweep: 8 runs, 2 seeds per cell" in lines
    assert [line.split()[:2] for line in lines if line.strip()[:3] in ("100", "10,")] == [
        ["100", "full"],
        ["100", "hierarchical"],
        ["10,000", "full"],
        ["10,000", "hierarchical"],
    ]
    (row,) = (line.split() for line in lines if line.split()[:2] == ["100", "hierarchical"])
    # N, mask, exact match, ROUGE-L where it has room, NLL, Δ, two limits, p.
    assert len(row) == (8 if width == 80 else 9)
    assert row[-3].startswith("[") and row[-2].endswith("]") and row[-1] == ".500"


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path) -> None:
    text = printed(fakes.write_sweep(tmp_path / "sweep", sizes=(100,), prompts=4))
    assert "One seed per cell: no intervals, so no Δ can be told from chance." in text
    assert "\n'none': inconclusive, one seed\n'template': inconclusive, one seed\n" in text
    table = text[: text.index("One seed shows nothing")]
    assert "[" not in table and " p" not in table.splitlines()[5]


def test_conditions_share_one_head_and_numbers_in_names_sort_by_value(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    for epochs in (10, 4):
        for mask in ("full", "none"):
            settings = fakes.config("sweep", mask, "nano", 100, 0)
            settings["train"]["epochs"] = epochs
            fakes.write_run(folder / f"{mask}-{epochs}", settings, fakes.fades, prompts=4)
    text = printed(folder)
    # Once above the table, once in its head.
    assert text.count("held-out") == 2
    assert text.index("epochs 4") < text.index("epochs 10")


def test_problems_and_holes_are_printed(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", sizes=(100,), prompts=4)
    fakes.write_run(
        folder / "more", fakes.config("sweep", "full", "nano", 300, 0), fakes.fades, prompts=4
    )
    (folder / "notes").mkdir()
    text = printed(folder)
    assert "! sweep/notes: foreign: not a run: no config.yaml" in text
    assert "! 2 runs of the grid missing" in text


def test_every_mask_but_the_baseline_has_a_verdict_of_a_line(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "s", sizes=(100,), seeds=range(6), prompts=4)
    found = study([folder])
    lines = fakes.shown(found, 300).splitlines()
    for arm in ("none", "template"):
        (line,) = (line for line in lines if line.startswith(f"'{arm}': "))
        loss, score = found.by_loss[arm], found.by_score[arm]
        assert line.rstrip() == (
            f"'{arm}': {loss.word} in held-out response NLL: {loss.reason}. "
            f"{score.word.capitalize()} in exact match."
        )
    assert not any(line.startswith("'full': ") for line in lines)
