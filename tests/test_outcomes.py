"""What is compared, what each measure is called, and which score stands beside the loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.outcomes import (
    POINTS,
    PRIMARY,
    at_bound,
    declare,
    main_score,
    measured,
    outcome,
)
from analysis.words import amount
from harness.records import Scale
from tests import fakes


def runs(**scores: list[float | None]) -> pd.DataFrame:
    """Two runs, of 'full' and 'none', with these scores."""
    columns = {f"scores.{name}": values for name, values in scores.items()}
    return pd.DataFrame({"arm": ["full", "none"], PRIMARY: [1.0, 1.1]} | columns)


def test_every_measure_has_one_name() -> None:
    assert outcome(PRIMARY).name == "held-out response NLL"
    assert outcome("nll.test_families.answer").name == "test families response NLL"
    assert outcome("scores.rouge_l").name == "ROUGE-L"
    assert outcome("scores.my_own").name == "my own"


def test_a_score_of_another_unit_is_read_as_the_runs_tell() -> None:
    told = {"scales.words.unit": [None, "words"], "scales.words.better": [None, "lower"]}
    declare(runs(words=[3.0, 4.5]).join(pd.DataFrame(told)))
    words = outcome("scores.words")
    assert (words.unit, words.sign, words.margin) == ("words", -1, 0.0)
    assert amount(-1.5, words) == "−1.500"
    assert main_score(runs(words=[3.0, 4.5])) is None
    declare(runs(words=[3.0, 4.5]))
    assert outcome("scores.words").unit == POINTS


@pytest.mark.parametrize(
    "column",
    ["nll.base.answer", "nll.train.answer", "nll.validation.answer", "nll.test.end", "seed"],
)
def test_what_was_trained_on_or_chose_and_single_roles_are_never_compared(column: str) -> None:
    with pytest.raises(KeyError):
        outcome(column)


def test_what_no_run_has_is_no_outcome() -> None:
    found = [one.column for one in measured(runs(exact_match=[None, None], chrf=[0.2, 0.3]))]
    assert found == [PRIMARY, "scores.chrf"]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"exact_match": [0.4, 0.5], "rouge_l": [0.4, 0.5]}, "exact match"),
        ({"exact_match": [0.0, 0.01], "rouge_l": [0.4, 0.5]}, "ROUGE-L"),
        ({"exact_match": [0.99, 1.0], "chrf": [0.4, 0.5]}, "chrF"),
        ({"exact_match": [0.0, 0.3], "rouge_l": [0.4, 0.5]}, "exact match"),
        ({"exact_match": [0.0, 0.0]}, "exact match"),
        ({"exact_match": [0.0, 0.0], "rouge_l": [0.03, 0.02], "chrf": [0.04, 0.02]}, "chrF"),
        ({"exact_match": [1.0, 1.0], "rouge_l": [0.99, 0.96]}, "ROUGE-L"),
    ],
)
def test_exact_match_leads_only_off_its_floor_and_ceiling(
    scores: dict[str, list[float | None]], expected: str
) -> None:
    found = main_score(runs(**scores))
    assert found is not None and found.name == expected and found.unit == POINTS


@pytest.mark.parametrize(
    ("scores", "line"),
    [
        ({"exact_match": 0.4, "rouge_l": 0.5}, "exact match 40.0 %"),
        ({"chrf": 0.2, "exact_match": 0.0, "rouge_l": 0.014}, "ROUGE-L 1.4 %, exact match 0.0 %"),
        ({"exact_match": 0.01, "rouge_l": 0.5}, "exact match 1.0 %"),
        ({"exact_match": 1.0, "rouge_l": 1.0}, "exact match 100.0 %"),
        ({"exact_match": None, "verified": 0.3}, "checks passed 30.0 %"),
        ({"exact_match": 0.0, "words": 7.0, "own": 0.5}, "own 50.0 %, exact match 0.0 %"),
        ({"words": 7.0}, ""),
    ],
)
def test_the_line_of_a_finished_run_shows_the_score_that_leads(
    tmp_path: Path, scores: dict[str, float | None], line: str
) -> None:
    config = fakes.config("s", "full", "nano", 100, 0)
    run = fakes.write_run(tmp_path / "run", config, fakes.no_effect, prompts=1)
    told = replace(
        run,
        nll={"test": {"answer": 1.5}},
        scores=scores,
        scales={"words": Scale(unit="words", better="lower")},
    )
    assert told.headline() == ", ".join(filter(None, ["held-out response NLL 1.500", line]))


def test_no_score_no_main_score() -> None:
    assert main_score(runs()) is None


def test_a_loss_has_no_floor() -> None:
    assert at_bound(pd.Series([0.01, 0.02]), outcome(PRIMARY)) == ""
    assert at_bound(pd.Series([0.01, 0.02]), outcome("scores.chrf")) == "floor"
