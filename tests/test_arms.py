"""The verdict on every mask, the line that says which to use, and arms that are one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.alike import alike
from analysis.arms import ArmVerdict, advice, judge
from analysis.load import read
from analysis.outcomes import PRIMARY, outcome
from analysis.study import study
from harness import records
from tests import fakes

NLL, EXACT = outcome(PRIMARY), outcome("scores.exact_match")


def cell(delta: float, adjusted: float = 0.5, size: int = 100, **more: Any) -> dict[str, Any]:
    """A row of the table of effects of eight seeds."""
    row = {"condition": "", "arm": "none", "n_examples": size, "n": 8, "delta": delta}
    limits = {"low": delta - 0.01, "high": delta + 0.01, "p": adjusted / 2, "adjusted": adjusted}
    return row | limits | {"equivalence": 0.5, "bound": ""} | more


def verdict(*cells: dict[str, Any], outcome: Any = NLL) -> ArmVerdict:
    return judge(pd.DataFrame(list(cells)), outcome, "full")["none"]


def test_the_word_of_one_cell_and_its_figures() -> None:
    found = verdict(cell(0.05, 0.008))
    assert found.word == "better"
    assert found.reason == "Δ = +0.050 [+0.040, +0.060] nats/token, 8 seeds, p = .004"
    assert verdict(cell(-0.05, 0.008)).word == "worse"
    assert verdict(cell(0.05, 0.08)).word == "inconclusive"


def test_cells_of_opposite_sign_are_mixed_and_never_averaged() -> None:
    found = verdict(cell(0.05, 0.01), cell(-0.07, 0.02, size=1000))
    assert found.word == "mixed"
    assert found.reason == (
        "better at N = 100 Δ = +0.050 [+0.040, +0.060] nats/token, 8 seeds, p = .005, "
        "p = .010 adjusted over 2 cells; "
        "worse at N = 1,000 Δ = −0.070 [−0.080, −0.060] nats/token, 8 seeds, p = .010, "
        "p = .020 adjusted over 2 cells"
    )


def test_equality_takes_seeds_in_each_cell() -> None:
    few = verdict(cell(0.001), cell(0.001, size=1000, n=3))
    assert few.reason.endswith("; equality takes 5 seeds in each cell")


def test_better_in_some_cells_says_in_how_many() -> None:
    found = verdict(cell(0.05, 0.01), cell(0.001, 0.9, size=1000))
    assert found.word == "better" and found.reason.startswith(
        "in 1 of 2 cells; clearest at N = 100"
    )


def test_equality_must_show_in_every_cell_and_goes_before_a_difference() -> None:
    assert verdict(cell(0.005, 0.01, equivalence=0.01)).word == "equivalent"
    both = verdict(cell(0.005, equivalence=0.01), cell(0.03, size=300, equivalence=0.4))
    assert both.word == "inconclusive"


def test_a_score_at_its_floor_or_ceiling_is_never_called_equal() -> None:
    floor: dict[str, Any] = {"equivalence": math.nan, "bound": "floor"}
    found = verdict(cell(0.0, **floor), outcome=EXACT)
    assert found.word == "inconclusive"
    assert found.reason == "all at the floor of the score, which tells nothing of masks"


def test_too_few_seeds_are_told_how_many_would_do() -> None:
    found = verdict(cell(0.05, 0.25, n=4, p=0.125), cell(0.05, 0.25, size=300, n=4, p=0.125))
    assert found.reason.startswith("4 seeds cannot give less than p = .125, 6 could: ")


def test_a_cell_of_one_seed_spoils_no_other_cells_verdict(tmp_path: Path) -> None:
    fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), seeds=range(6))
    fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(300,), seeds=(0,))
    found = study([tmp_path / "s"])
    assert found.effects[PRIMARY]["adjusted"].tolist() == [2 / 64, 1.0]
    assert found.by_loss["none"].word == "better"
    assert "adjusted" not in found.by_loss["none"].reason
    assert "One seed" not in found.advice


def test_the_seeds_that_are_lacking_are_those_of_the_cell_with_most() -> None:
    found = verdict(cell(0.05, 0.25), cell(0.05, 1.0, size=300, n=1, p=1.0))
    assert found.reason.startswith("neither a difference nor its absence is shown: at N = 100 ")


def test_no_equality_at_the_floor_of_exact_match(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", masks=("full", "none"), sizes=(100,), seeds=range(6), prompts=4
    )
    for path in folder.glob(f"*/{records.RESULT}"):
        content = json.loads(path.read_text())
        content["scores"]["exact_match"] = 0.0
        path.write_text(json.dumps(content))
    found = study([folder])
    (row,) = found.effects["scores.exact_match"].to_dict("records")
    assert row["bound"] == "floor" and math.isnan(row["equivalence"])
    assert found.score is not None and found.score.name == "ROUGE-L"
    assert list(found.effects) == [PRIMARY, "scores.rouge_l", "scores.exact_match", "scores.chrf"]


def said(*, loss: dict[str, Any], score: dict[str, Any] | None = None, seeds: int = 8) -> str:
    """The advice on 'none' from one cell of each outcome."""
    scored = {"none": verdict(score, outcome=EXACT)} if score else {}
    return advice({"none": verdict(loss)}, scored, "full", seeds)


def test_the_advice_names_a_mask_and_why() -> None:
    assert said(loss=cell(0.05, 0.01), score=cell(0.0)).startswith(
        "Use 'none' here, because in held-out response NLL it is better than 'full' "
        "(Δ = +0.050 [+0.040, +0.060] nats/token, 8 seeds, p = .005); "
        "of its exact match nothing is shown."
    )
    assert said(loss=cell(-0.05, 0.01)) == (
        "Use 'full' here, because no mask is shown to be better: 'none' is worse "
        "('none' in held-out response NLL Δ = −0.050 [−0.060, −0.040] nats/token, 8 seeds, "
        "p = .005)."
    )


def test_the_advice_says_so_where_loss_and_score_disagree() -> None:
    text = said(loss=cell(0.05, 0.01), score=cell(-0.1, 0.01))
    assert text.startswith("It depends on what counts: by held-out response NLL use 'none' (")
    assert ", by exact match use 'full' (Δ = −10.0 " in text


def test_a_mask_that_is_worse_in_nothing_goes_before_one_that_it_depends_for() -> None:
    loss = judge(pd.DataFrame([cell(0.05, 0.01), cell(0.03, 0.01, arm="template")]), NLL, "full")
    rows = pd.DataFrame([cell(-0.1, 0.01), cell(0.01, arm="template")])
    text = advice(loss, judge(rows, EXACT, "full"), "full", 8)
    assert text.startswith("Use 'template' here, because in held-out response NLL it is better")


@pytest.mark.parametrize("seeds", [1, 8])
def test_nothing_shown_is_no_advice(seeds: int) -> None:
    text = said(loss=cell(0.05, 0.5), seeds=seeds)
    assert "Use 'none'" not in text and "Use 'full'" not in text


def test_seeds_that_cannot_tell_are_told_how_many_can() -> None:
    assert advice({"none": verdict(cell(0.05))}, {}, "full", 4) == (
        "Open: 4 seeds cannot show any mask to differ from 'full'; 6 seeds can."
    )


def test_one_mask_has_nothing_to_be_compared_with() -> None:
    assert advice({}, {}, "full", 0) == "One mask alone: nothing to choose between."


def test_arms_that_weigh_the_same_tokens_and_end_alike_are_named(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "s", masks=("full", "none"), sizes=(100, 300), seeds=(0, 1), prompts=2
    )
    for size in (100, 300):
        for seed in (0, 1):
            settings = fakes.config("s", "assistant_last", "nano", size, seed)
            run = folder / f"last-{size}-{seed}"
            fakes.write_run(run, settings, fakes.fades, prompts=2)
            own = json.loads((run / records.RESULT).read_text())
            twin = folder / f"full-nano-{size}-joint-{seed}" / records.RESULT
            same = json.loads(twin.read_text())
            changed = {key: own[key] for key in ("run", "identity", "mask")}
            (run / records.RESULT).write_text(json.dumps(same | changed))
    runs = read([folder]).runs
    arms = ["full", "none", "assistant_last"]
    assert alike(runs, arms) == [["full", "assistant_last"]]
    assert "'full' and 'assistant_last' are the same on these data" in fakes.shown(study([folder]))
