"""Claims are files: adding one is one file, and a faulty one is one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from analysis.__main__ import main
from analysis.claims import ClaimError, known, load_claim
from analysis.evidence import gather
from analysis.outcomes import PRIMARY
from analysis.study import study
from harness.paths import CONF
from tests import fakes

GOOD = yaml.safe_load(known()["small_data"].read_text())


@pytest.mark.parametrize("name", known())
def test_every_stored_claim_is_sound_and_speaks_of_masks_that_there_are(name: str) -> None:
    claim = load_claim(known()[name])
    masks = {path.stem for path in (CONF / "mask").glob("*.yaml")}
    assert {arm.split()[0] for arm in [*claim.arms, claim.baseline]} <= masks


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"effect": "best"}, "effect: Input should be 'better', 'worse', 'rising' or 'falling'"),
        ({"margin": 0}, "margin: Input should be greater than 0"),
        ({"alpha": 0.7}, "alpha: Input should be less than 0.5"),
        ({"arms": []}, "arms: List should have at least 1 item"),
        ({"arms": "none"}, "arms: Input should be a valid array"),
        ({"outcome": "nll.train.answer"}, "outcome: 'nll.train.answer', expected nll.SPLIT.answer"),
        ({"effect": "falling"}, "along: '', expected one of cells: n_examples, train.normalize"),
        ({"along": "n_examples"}, "along: 'n_examples', expected '' for the effect 'better'"),
        ({"confirm": {"first": 9, "last": 3}}, "confirm.last: 3, expected at least 9"),
        ({"cells": {"seed": []}}, "cells.seed: List should have at least 1 item"),
        ({"colour": "red"}, "colour: Unexpected"),
        ({"text": ""}, "text: String should have at least 1 character"),
        ({"text": date(2024, 1, 1)}, "not a YAML mapping"),
    ],
)
def test_a_faulty_claim_is_one_line_with_its_key(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(ClaimError) as error:
        load_claim(path)
    assert str(error.value).startswith(f"{path}: {says}") and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- a", "text: [", "a: &a [*a]", "x: " + "[" * 5_000])
def test_what_is_no_claim_at_all_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ClaimError) as error:
        load_claim(path)
    assert "\n" not in str(error.value)


def test_a_claim_of_ones_own_is_one_file_and_one_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", masks=("full", "none"), sizes=(100,), seeds=range(10), prompts=2
    )
    mine = tmp_path / "mine.yaml"
    change = {"text": "Mine", "arms": ["none"], "cells": {"n_examples": [100]}}
    mine.write_text(yaml.safe_dump(GOOD | change | {"confirm": {"first": 0, "last": 9}}))
    found = study([folder], claims=[mine])
    (verdict,) = found.verdicts
    assert (verdict.key, verdict.claim.text, verdict.word) == ("mine", "Mine", "found")
    mine.write_text("text: 3")
    assert main([str(folder), "--claim", str(mine)]) == 2
    assert capsys.readouterr().err.startswith(f"analysis: {mine}: ")


def test_a_sweep_is_judged_by_the_claims_of_its_name(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", sizes=(100, 300, 1000), seeds=(0, 1), claim="small_data", prompts=2
    )
    found = study([folder])
    assert list(found.claims) == ["small_data", "small_data.trend"]
    assert [len(verdict.cells) for verdict in found.verdicts] == [6, 2]
    assert found.verdicts[0].cells[3].label == "'template', N = 100"


def test_a_claim_that_nobody_wrote_is_named(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "s", sizes=(100,), claim="small_dta", prompts=2)
    (problem,) = study([folder]).problems
    assert problem.kind == "unknown claim"
    assert problem.message.startswith("claim 'small_dta', expected one of capacity, ")


def test_cells_are_the_pairs_at_their_levels_and_nothing_is_averaged(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s",
        masks=("full", "none"),
        sizes=(100, 300),
        seeds=(0, 1, 101),
        models=("nano", "micro"),
        prompts=2,
    )
    path = tmp_path / "mine.yaml"
    declared = {"n_examples": [100, 300, 1000], "model.name": ["nano"]}
    path.write_text(yaml.safe_dump(GOOD | {"arms": ["none"], "cells": declared}))
    found = study([folder])
    cells = gather(load_claim(path), found.runs, found.pairs)
    assert [cell.label for cell in cells] == ["N = 100", "N = 300", "N = 1,000"]
    nano = found.pairs[(found.pairs["model"] == "nano") & (found.pairs["n_examples"] == 100)]
    values = nano.set_index("seed")[f"delta.{PRIMARY}"]
    assert cells[0].explored.tolist() == values[[0, 1]].tolist()
    assert cells[0].fresh.tolist() == values[[101]].tolist()
    assert cells[2].lacking == "no fair pair with 'full'"
    path.write_text(yaml.safe_dump(GOOD | {"arms": ["none"], "cells": {"n_examples": [100]}}))
    (mixed,) = gather(load_claim(path), found.runs, found.pairs)
    assert mixed.lacking == "model.name varies within it: declare its levels"


def test_a_trend_is_each_seeds_slope_within_its_condition(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s",
        masks=("full", "none"),
        sizes=(100, 1000, 10000),
        seeds=(0, 1),
        effect=lambda mask, size, _: 0.1 * (mask == "none") * (size == 100),
        noise=0.0,
        prompts=2,
    )
    path = tmp_path / "mine.yaml"
    declared = {"n_examples": [100, 1000]}
    change = {"effect": "falling", "along": "n_examples", "cells": declared, "arms": ["none"]}
    path.write_text(yaml.safe_dump(GOOD | change))
    found = study([folder])
    (cell,) = gather(load_claim(path), found.runs, found.pairs)
    # Δ falls from .1 to 0 over the declared decade; 10,000 is not declared.
    assert cell.explored.tolist() == pytest.approx([-0.1, -0.1])
