"""The rule for claims, on seeds whose differences are written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.claims import Claim, Seeds, known, load_claim
from analysis.evidence import Cell
from analysis.sentences import reason
from analysis.verdict import Verdict, settle

CLAIM = load_claim(known()["small_data"])
TWELVE = pd.Series([-3, -2.5, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 2.5, 3]) / 100
NONE = pd.Series(dtype=float)


def around(mean: float) -> pd.Series:
    """Twelve seeds whose mean is this and whose spread is .02."""
    return mean + TWELVE


def settled(
    explored: Sequence[float], fresh: Sequence[float] = (), claim: Claim = CLAIM
) -> Verdict:
    """The verdict on cells with these means."""
    cells = [
        Cell(f"cell {place}", around(mean), around(fresh[place]) if fresh else NONE, gain=2.0)
        for place, mean in enumerate(explored)
    ]
    return settle("small_data", claim, cells, np.random.default_rng(0))


def test_an_effect_in_one_cell_that_fresh_seeds_confirm_is_found_there() -> None:
    verdict = settled([0.1, 0.0, -0.1], fresh=[0.08, 0.0, -0.1])
    assert verdict.word == "found"
    assert verdict.region == ("cell 0",) and verdict.against == ("cell 2",)
    # All twelve above 0: one of 2^12 patterns; all turned, cell 2 would lie as high: two.
    assert verdict.cells[0].p == 1 / 4096
    assert verdict.cells[0].adjusted == 2 / 4096
    assert verdict.cells[0].fresh_p == 1 / 4096
    assert verdict.cells[0].share == pytest.approx(0.05)


def test_an_effect_that_no_fresh_seed_has_seen_is_unconfirmed() -> None:
    assert settled([0.1, 0.0]).word == "unconfirmed"
    assert "seeds 100 to 111, kept to confirm it, have not run" in reason(settled([0.1, 0.0]))


def test_an_effect_that_fresh_seeds_do_not_show_is_inconclusive() -> None:
    verdict = settled([0.1, 0.0], fresh=[0.0, 0.0])
    assert verdict.word == "inconclusive"
    assert "12 fresh seeds did not confirm it" in reason(verdict)


def test_seeds_that_chose_nothing_need_no_others_to_confirm_them() -> None:
    cells = [Cell("one", NONE, around(0.1)), Cell("two", NONE, around(0.0))]
    verdict = settle("small_data", CLAIM, cells, np.random.default_rng(0))
    assert verdict.word == "found" and verdict.region == ("one",)


def test_cells_of_opposite_sign_are_never_pooled() -> None:
    verdict = settled([0.1, -0.1], fresh=[0.1, -0.1])
    assert verdict.word == "found"
    assert "better than 'full' in 1 of 2 declared cells (cell 0)" in reason(verdict)
    assert "worse in 1 of 2 declared cells (cell 1)" in reason(verdict)


def test_an_effect_below_the_margin_in_every_cell_is_not_found() -> None:
    assert settled([0.0, -0.1]).word == "not found"
    # There, but smaller than what counts as one: 0 < .012 < .02.
    tight = [Cell("one", 0.012 + TWELVE / 20, NONE)]
    verdict = settle("small_data", CLAIM, tight, np.random.default_rng(0))
    assert verdict.cells[0].adjusted < CLAIM.alpha
    assert verdict.word == "not found"


def test_what_is_neither_shown_nor_excluded_says_how_many_seeds_would_do() -> None:
    verdict = settled([0.012, 0.0])
    assert verdict.word == "inconclusive"
    # To find .012: ((z(.995) + z(.8)) · s / .012)² + z(.995)² / 2, s = .020337. To exclude the
    # margin, .008 away, would take more.
    assert verdict.needed == math.ceil(((2.5758 + 0.8416) * 0.020337 / 0.012) ** 2 + 3.3174) == 37
    assert f"about {verdict.needed:.0f} seeds" in reason(verdict)


def test_a_declared_cell_without_runs_counts_and_is_named() -> None:
    cells = [
        Cell("one", around(0.0), NONE),
        Cell("two", NONE, NONE, lacking="no fair pair with 'full'"),
    ]
    verdict = settle("small_data", CLAIM, cells, np.random.default_rng(0))
    assert verdict.word == "inconclusive"
    assert reason(verdict).endswith(
        "; 1 of 2 declared cells cannot decide (two: no fair pair with 'full')."
    )
    nothing = settle("small_data", CLAIM, cells[1:], np.random.default_rng(0))
    assert reason(nothing) == (
        "nothing to judge; the one declared cell cannot decide (no fair pair with 'full')."
    )


def test_a_claim_of_every_cell_falls_with_one() -> None:
    every = replace(CLAIM, where="every")
    assert settled([0.1, 0.1], fresh=[0.1, 0.1], claim=every).word == "found"
    assert settled([0.1, 0.03], fresh=[0.1, 0.0], claim=every).word == "inconclusive"
    assert settled([0.1, -0.1], claim=every).word == "not found"


def test_a_claim_of_harm_looks_the_other_way() -> None:
    worse = replace(CLAIM, effect="worse")
    assert settled([-0.1], fresh=[-0.1], claim=worse).word == "found"
    assert settled([0.1], fresh=[0.1], claim=worse).word == "not found"


def test_no_p_changes_when_a_claim_is_added_but_one_does_when_a_cell_is() -> None:
    alone, beside = settled([0.01]), settled([0.01, 0.02])
    assert alone.cells[0].p == beside.cells[0].p == alone.cells[0].adjusted
    # The clearer cell steps down first; the other's p is what it would be alone.
    assert beside.cells[1].adjusted >= beside.cells[1].p
    assert beside.cells[0].adjusted == alone.cells[0].adjusted


def test_one_seed_settles_nothing() -> None:
    cells = [Cell("the one cell", pd.Series([0.1]), NONE)]
    verdict = settle("small_data", CLAIM, cells, np.random.default_rng(0))
    assert verdict.word == "inconclusive"
    assert reason(verdict).endswith(
        "Δ = +0.100 nats/token, 1 seed: an interval needs two seeds; the one declared cell cannot "
        "decide (1 seed, 7 could)."
    )


def test_a_claim_without_fresh_seeds_is_never_found() -> None:
    open_ended = replace(CLAIM, confirm=None)
    verdict = settled([0.1], claim=open_ended)
    assert verdict.word == "unconfirmed"
    assert reason(verdict).endswith("the claim keeps no fresh seeds to confirm it.")
    assert CLAIM.confirm == Seeds(first=100, last=111)


FEW = Cell("few", pd.Series([0.5, 0.5001]), NONE)
"""Two seeds that agree: a t far above all others, in a quarter of the sign patterns."""


def test_a_cell_of_few_seeds_hides_no_effect_of_the_others_and_is_named_apart() -> None:
    rng = np.random.default_rng(0)
    cells = [Cell("clear", around(0.1), around(0.1)), FEW]
    verdict = settle("small_data", CLAIM, cells, rng)
    assert verdict.word == "found" and verdict.region == ("clear",)
    assert verdict.cells[0].adjusted == 1 / 4096
    assert reason(verdict).endswith(
        "; 1 of 2 declared cells cannot decide (few: 2 seeds, 7 could)."
    )
    # And none that is against it.
    harm = settle("small_data", CLAIM, [Cell("harm", around(-0.1), NONE), FEW], rng)
    assert harm.word == "inconclusive" and harm.against == ("harm",)


def test_one_cell_below_the_margin_refutes_every_whatever_one_of_few_seeds_shows() -> None:
    every = replace(CLAIM, where="every")
    cells = [Cell("none", around(0.0), NONE), Cell("few", pd.Series([-0.5, -0.5001]), NONE)]
    verdict = settle("small_data", every, cells, np.random.default_rng(0))
    assert verdict.word == "not found"
    assert "1 of 2 declared cells cannot decide (few: 2 seeds, 7 could)" in reason(verdict)


def test_not_found_somewhere_waits_for_the_cells_that_cannot_decide_and_says_so() -> None:
    cells = [Cell("one", around(0.0), NONE), Cell("two", around(-0.1), NONE), FEW]
    verdict = settle("small_data", CLAIM, cells, np.random.default_rng(0))
    assert verdict.word == "inconclusive"
    assert reason(verdict).startswith(
        "the effect lies below 0.020 nats/token in 2 of 3 declared cells; largest at one: "
    )


def test_fresh_seeds_too_few_to_confirm_neither_refute_nor_hide() -> None:
    rng = np.random.default_rng(0)
    few = [Cell("clear", around(0.1), around(0.1)[:4])]
    verdict = settle("small_data", CLAIM, few, rng)
    assert verdict.word == "unconfirmed"
    assert "; of seeds 100 to 111, kept to confirm it, 4 have run and 5 could" in reason(verdict)
    beside = [*few, Cell("other", around(0.12), around(0.12))]
    again = settle("small_data", CLAIM, beside, rng)
    assert again.word == "found" and again.region == ("other",)
