"""Statistics against reference values of scipy and statsmodels, and by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as reference

from analysis import sign_flips, stats

RNG = np.random.default_rng(11)
DIFFERENCES = [RNG.normal(0.03, 0.05, n) for n in (2, 5, 8, 12, 20)]
CLOSE: dict[str, Any] = {"rel": 1e-10, "abs": 1e-10}

values = st.lists(
    st.floats(-1, 1, allow_nan=False).map(lambda x: round(x, 6)), min_size=1, max_size=10
)


@pytest.mark.parametrize("d", DIFFERENCES, ids=len)
def test_paired_t_agrees_with_scipy(d: NDArray[np.float64]) -> None:
    expected = reference.ttest_1samp(d, 0).confidence_interval(0.95)
    found = stats.paired_t(d)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), **CLOSE)
    assert found.estimate == pytest.approx(d.mean(), **CLOSE)


def test_one_seed_has_an_estimate_and_no_interval() -> None:
    found = stats.paired_t([0.3])
    assert found.estimate == 0.3
    assert math.isnan(found.low) and math.isnan(found.high)


@pytest.mark.parametrize("d", DIFFERENCES[:4], ids=len)
def test_sign_flip_agrees_with_scipys_exact_permutation_test(d: NDArray[np.float64]) -> None:
    expected = reference.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flips.sign_flip(d, RNG) == pytest.approx(expected.pvalue, **CLOSE)


@pytest.mark.parametrize("n", [1, 5, 6, 8])
def test_sign_flip_reaches_its_floor_and_not_below(n: int) -> None:
    assert (
        sign_flips.sign_flip(np.arange(1.0, n + 1), RNG)
        == sign_flips.sign_flip_floor(n)
        == min(1.0, 2 / 2**n)
    )


def test_five_seeds_cannot_reach_five_per_cent_and_eight_can_after_holm() -> None:
    assert sign_flips.sign_flip_floor(5) > 0.05
    assert sign_flips.sign_flip_floor(7) * 5 > 0.05 > sign_flips.sign_flip_floor(8) * 5


@given(values)
def test_sign_flip_counts_ties_in_spite_of_rounding(d: NDArray[np.float64]) -> None:
    # Sums of the same numbers in another order may differ in their last bit.
    assert sign_flips.sign_flip(d, RNG) == sign_flips.sign_flip(d[::-1], RNG)
    assert sign_flips.sign_flip(d, RNG) == sign_flips.sign_flip([-x for x in d], RNG)
    assert sign_flips.sign_flip(d, RNG) >= min(1.0, 2 / 2 ** len(d))


def test_sign_flip_of_many_seeds_is_drawn_from_the_rng_it_is_given() -> None:
    d = np.random.default_rng(3).normal(0.02, 0.05, 30)
    first, again = (sign_flips.sign_flip(d, np.random.default_rng(5)) for _ in range(2))
    normal = reference.ttest_1samp(d, 0).pvalue
    assert first == again
    assert first == pytest.approx(normal, rel=0.2)
    assert (
        sign_flips.sign_flip(np.ones(40), np.random.default_rng(5)) > 0
    )  # never 0: the observed pattern counts


@pytest.mark.parametrize("d", DIFFERENCES, ids=len)
def test_tost_agrees_with_statsmodels(d: NDArray[np.float64]) -> None:
    from statsmodels.stats import weightstats  # slow to import, for this test alone

    expected, *_ = weightstats.ttost_paired(d, np.zeros_like(d), -0.04, 0.04)
    assert stats.tost(d, 0.04) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("d", DIFFERENCES[1:], ids=len)
@pytest.mark.parametrize("margin", [0.02, 0.06, 0.1])
def test_tost_is_the_ninety_per_cent_interval_inside_the_margin(
    d: NDArray[np.float64], margin: float
) -> None:
    inside = stats.paired_t(d, 0.90)
    assert (stats.tost(d, margin) < 0.05) == (-margin < inside.low and inside.high < margin)


def test_tost_of_identical_differences() -> None:
    assert stats.tost([0.01] * 5, 0.02) == 0.0
    assert stats.tost([0.03] * 5, 0.02) == 1.0


def test_one_cell_needs_no_adjustment() -> None:
    d = RNG.normal(0.3, 1, 9)
    for two_sided in (True, False):
        (p,) = sign_flips.step_down(d[:, None], RNG, two_sided=two_sided)
        single = (
            sign_flips.sign_flip(d, RNG) if two_sided else sign_flips.sign_flip_above(d, 0.0, RNG)
        )
        assert p == pytest.approx(single)


def test_the_step_down_p_is_that_of_the_largest_statistic_counted_by_hand() -> None:
    d = np.array([[3.0, 1.0], [2.0, -1.0], [4.0, 2.0], [1.0, 1.0]])
    # |t| = 3.87 of the first cell is reached by 2 of 16 joint patterns (all kept, all turned), and
    # by the second cell's t = ±5 where its −1 is turned, or all others: 4. The second cell's
    # |t| = 1.19 is held against itself alone: |Σ| ≥ 3 in 8.
    assert sign_flips.step_down(d, RNG, two_sided=True).tolist() == [4 / 16, 8 / 16]
    assert sign_flips.step_down(d, RNG, two_sided=False).tolist() == [2 / 16, 4 / 16]


def test_adjusted_p_are_never_below_single_ones_and_know_equal_cells() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        d = rng.normal(0.3, 1, (10, 4)) + rng.normal(0, 1, (10, 1))
        single = np.array([sign_flips.sign_flip(column, rng) for column in d.T])
        adjusted = sign_flips.step_down(d, rng, two_sided=True)
        assert (adjusted >= single - 1e-12).all()
    equal = np.repeat(rng.normal(0.5, 1, (10, 1)), 5, axis=1)
    # Five copies of one cell are one cell, for which Holm would pay five times.
    assert sign_flips.step_down(equal, rng, two_sided=True) == pytest.approx(
        sign_flips.sign_flip(equal[:, 0], rng)
    )


def test_cells_may_lack_seeds_or_all_of_them() -> None:
    d = np.array([[1.0, 2.0, math.nan], [1.2, math.nan, math.nan], [0.9, 1.5, math.nan]])
    found = sign_flips.step_down(d, RNG, two_sided=True)
    assert found[2] == 1.0 and found[0] == pytest.approx(2 / 8)
    assert sign_flips.step_down(np.empty((0, 2)), RNG, two_sided=True).tolist() == [1.0, 1.0]


def test_many_seeds_are_drawn_and_never_give_zero() -> None:
    d = np.random.default_rng(5).normal(2, 1, (30, 2))
    first, again = (
        sign_flips.step_down(d, np.random.default_rng(1), two_sided=False, draws=999)
        for _ in range(2)
    )
    assert first.tolist() == again.tolist() == [1 / 1000, 1 / 1000]


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_every_sign_pattern_is_counted(n: int) -> None:
    d = np.random.default_rng(n).normal(0.3, 1, n)
    patterns = np.array(list(itertools.product([-1, 1], repeat=n)))
    expected = np.mean(np.abs(patterns @ d) >= abs(d.sum()) - 1e-9)
    assert sign_flips.sign_flip(d, RNG) == pytest.approx(expected, abs=1e-12)


def test_one_side_is_half_of_two_and_looks_at_its_bound() -> None:
    d = [0.05, 0.06, 0.04, 0.05, 0.07, 0.05]
    assert sign_flips.sign_flip_above(d, 0.0, RNG) == 1 / 64
    assert sign_flips.sign_flip_above(d, 0.03, RNG) == 1 / 64
    assert sign_flips.sign_flip_above(d, 0.06, RNG) == 1.0
    assert sign_flips.sign_flip_above([], 0.0, RNG) == 1.0


def test_the_seeds_needed_are_those_of_the_normal_formula_and_of_the_exact_test() -> None:
    # ((1.6449 + 0.8416) · .05 / .02)² + 1.6449² / 2 = 38.64 + 1.35
    assert stats.seeds_needed(0.02, 0.05, 0.05) == pytest.approx(39.99, abs=0.01)
    assert stats.seeds_needed(1.0, 0.001, 0.01) == pytest.approx(math.log2(100))
    assert stats.seeds_needed(-0.1, 0.05, 0.05) == math.inf


def test_interquartile_mean_ignores_the_outer_quarters() -> None:
    assert stats.interquartile_mean([100, 1, 2, 3, 4, 5, 6, -50]) == reference.trim_mean(
        [1, 2, 3, 4, 5, 6, -50, 100], 0.25
    )
    assert stats.interquartile_mean([1, 2, 3, 1e9]) == 2.5


def test_probability_of_improvement_agrees_with_mann_whitney() -> None:
    a, b = RNG.normal(0, 1, 9), RNG.normal(0.5, 1, 7)
    expected = reference.mannwhitneyu(a, b).statistic / 63
    assert stats.probability_of_improvement(a, b) == pytest.approx(expected, **CLOSE)
    assert stats.probability_of_improvement([1, 1], [1, 0]) == 0.75


@pytest.mark.parametrize("n", [3, 8, 20])
def test_expanded_percentiles_are_as_wide_as_students_interval(n: int) -> None:
    # A normal bootstrap distribution with the bootstrap's own standard deviation, √((n−1)/n)·s/√n.
    z = reference.norm.ppf((1 + stats.expanded(n)) / 2)
    assert z * math.sqrt((n - 1) / n) == pytest.approx(reference.t.ppf(0.975, n - 1), **CLOSE)


def table(
    n: int, m: int, seed: float, prompt: float, rest: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    return rng.normal(0, seed, (n, 1)) + rng.normal(0, prompt, (1, m)) + rng.normal(0, rest, (n, m))


def test_hierarchical_interval_is_students_where_prompts_do_not_differ() -> None:
    rng = np.random.default_rng(1)
    d = rng.normal(0.1, 0.05, 12)
    found = stats.hierarchical(np.repeat(d[:, None], 30, 1), np.ones(30), rng, draws=20_000)
    expected = stats.paired_t(d)
    assert found.estimate == pytest.approx(d.mean())
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.05)


def test_hierarchical_interval_widens_where_prompts_differ() -> None:
    rng = np.random.default_rng(2)
    seeds_only = stats.hierarchical(table(12, 40, 0.05, 0.0, 0.0, rng), np.ones(40), rng)
    both = stats.hierarchical(table(12, 40, 0.05, 0.5, 0.0, rng), np.ones(40), rng)
    assert both.high - both.low > 2 * (seeds_only.high - seeds_only.low)


def test_hierarchical_estimate_weighs_prompts_by_tokens() -> None:
    nats = np.array([[1.0, 10.0], [3.0, 10.0]])
    found = stats.hierarchical(nats, [1, 9], np.random.default_rng(0))
    assert found.estimate == pytest.approx(24 / 20)


def test_hierarchical_needs_two_seeds_and_two_prompts() -> None:
    assert math.isnan(stats.hierarchical([[1.0, 2.0]], [1, 1], RNG).low)
    assert math.isnan(stats.hierarchical([[1.0], [2.0]], [1], RNG).low)


def test_no_difference_at_all_has_an_interval_of_no_width() -> None:
    found = stats.hierarchical(np.zeros((4, 5)), np.ones(5), RNG)
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)
