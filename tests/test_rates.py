"""Each arm is compared at the learning rate that validation chose; the report says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis import table
from analysis.fit import Unfit
from analysis.map_figures import over_rates
from analysis.outcomes import PRIMARY, outcome
from analysis.rate_floor import floors
from analysis.setup import setup
from analysis.study import study
from harness import records
from tests import fakes

BEST = {"full": 1e-3, "none": 2e-3}


def swept(folder: Path, *, validation: bool = True, splits: bool = False) -> Path:
    """A sweep of three rates: validation loss is least at each mask's best, test loss is not."""
    for mask in BEST:
        for rate in (5e-4, 1e-3, 2e-3):
            for seed in (0, 1):
                settings = fakes.config("s", mask, "nano", 100, seed)
                settings["train"]["lr"] = rate
                settings["data"]["seed"] = seed if splits else 0
                run = folder / f"{mask}-{rate}-{seed}"
                fakes.write_run(run, settings, fakes.no_effect, prompts=2)
                content = json.loads((run / records.RESULT).read_text())
                if validation:
                    content["nll"]["validation"] = {"answer": 2.0 + abs(rate - BEST[mask])}
                content["nll"]["test"]["answer"] = 3.0 - 100 * rate
                (run / records.RESULT).write_text(json.dumps(content))
    return folder


def test_the_rate_is_chosen_on_validation_and_never_on_test(tmp_path: Path) -> None:
    found = study([swept(tmp_path / "s")])
    rates = found.runs.groupby("mask")["config.train.lr"].unique().map(list).to_dict()
    assert rates == {"full": [1e-3], "none": [2e-3]}
    assert found.conditions == [""] and len(found.pairs) == 2
    assert found.problems == []


def test_splits_that_follow_the_seed_have_one_rate(tmp_path: Path) -> None:
    found = study([swept(tmp_path / "s", splits=True)])
    assert found.chosen.table["seeds"].tolist() == [2] * 6
    assert found.conditions == [""] and len(found.pairs) == 2


def test_the_report_says_which_arm_had_which_rate_and_where_the_grid_ends(tmp_path: Path) -> None:
    found = study([swept(tmp_path / "s")])
    assert dict(setup(found))["learning rate"] == (
        "chosen on validation for each mask of 0.0005, 0.001, 0.002: full 0.001; none 0.002"
    )
    shown = table.rates(found)
    assert shown["note"].tolist() == [
        *("", "chosen", ""),
        *("", "", "chosen, at the edge of those tried: the best may lie beyond"),
    ]
    assert found.vary == ("train.lr",)


def test_what_a_mask_gains_by_the_lowest_rate_to_choose_from(tmp_path: Path) -> None:
    found = study([swept(tmp_path / "s")])
    cells = floors(found.tried, "full", found.vary, outcome(PRIMARY))
    # At 2e-3 alone both lose 2.8; from 1e-3 on the baseline takes that, with a loss of 2.9.
    assert cells["floor"].tolist() == [2e-3, 1e-3, 5e-4]
    assert cells["mean"].round(12).tolist() == [0.0, 0.1, 0.1]
    assert (cells["arm"] == "none").all() and (cells["seeds"] == 2).all()


def test_the_figure_of_rates_needs_rates_to_choose_from(tmp_path: Path) -> None:
    (axes,) = over_rates(study([swept(tmp_path / "s")])).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5e-4", "1e-3", "2e-3"]
    with pytest.raises(Unfit, match="no learning rate was chosen on validation"):
        over_rates(study([swept(tmp_path / "t", validation=False)]))


def test_a_sweep_of_rates_with_one_seed_has_no_figure_of_rates(tmp_path: Path) -> None:
    folder = swept(tmp_path / "s")
    for run in folder.glob("*-1"):
        (run / records.RESULT).unlink()
    with pytest.raises(Unfit, match="needs two seeds"):
        over_rates(study([folder]))


def test_without_validation_losses_every_rate_is_a_condition_of_its_own(tmp_path: Path) -> None:
    found = study([swept(tmp_path / "s", validation=False)])
    assert found.conditions == ["lr 0.0005", "lr 0.001", "lr 0.002"]
    assert len(found.pairs) == 6 and found.vary == ()


def test_a_rate_that_fewer_seeds_tried_is_not_chosen(tmp_path: Path) -> None:
    folder = swept(tmp_path / "s")
    path = folder / f"none-{2e-3}-1" / records.RESULT
    path.unlink()
    found = study([folder])
    chosen = found.chosen.table[found.chosen.table["chosen"]]
    assert dict(zip(chosen["arm"], chosen["rate"], strict=True)) == {"full": 1e-3, "none": 1e-3}


@pytest.mark.parametrize("mask", ["full", "none"])
def test_one_rate_each_is_no_sweep_of_rates(tmp_path: Path, mask: str) -> None:
    folder = swept(tmp_path / "s")
    for path in folder.iterdir():
        rate = float(path.name.split("-", 1)[1].rsplit("-", 1)[0])
        if rate != BEST[path.name.split("-")[0]]:
            (path / records.RESULT).unlink()
    found = study([folder])
    assert not found.chosen.by_validation
    assert {problem.kind for problem in found.problems} == {"unfinished", "unpaired"}
