"""Slopes and crossovers against curves whose answer is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as reference

from analysis import scaling

SIZES = [100, 300, 1000, 3000, 10000]


def curves(
    zero: float,
    slope: float = -0.1,
    noise: float = 0.02,
    seeds: int = 8,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Δ per seed and size, straight in log10 N, zero at `zero`; a seed's level and each cell's
    noise on top.
    """
    rng = rng or np.random.default_rng(0)
    line = slope * (np.log10(SIZES) - np.log10(zero))
    levels, own = rng.normal(0, noise / 2, (seeds, 1)), rng.normal(0, noise, (seeds, len(SIZES)))
    return np.asarray(line + levels + own)


def test_slopes_agree_with_scipys_regression() -> None:
    table = curves(1000)
    for row, slope in zip(table, scaling.slopes(SIZES, table), strict=True):
        assert slope == pytest.approx(reference.linregress(np.log10(SIZES), row).slope, rel=1e-10)


@given(st.floats(101, 9999), st.sampled_from([-1.0, 1.0]))
def test_a_straight_line_crosses_where_it_was_made_to(zero: float, sign: float) -> None:
    found = scaling.crossings(SIZES, sign * (np.log10(SIZES) - math.log10(zero)))
    assert found == [pytest.approx(zero, rel=1e-9)]


def test_crossings_are_never_extrapolated() -> None:
    assert scaling.crossings(SIZES, [5, 4, 3, 2, 1]) == []
    assert scaling.crossings(SIZES, [1, -1, 1, -1, -1]) == pytest.approx(
        [10 ** ((math.log10(a) + math.log10(b)) / 2) for a, b in pairwise(SIZES[:4])]
    )


def test_a_curve_that_touches_zero_has_not_crossed() -> None:
    assert scaling.crossings(SIZES, [2, 1, 0, 1, 2]) == []
    # Through a zero on a size: one crossing, between its neighbours.
    assert scaling.crossings(SIZES, [1, 1, 0, -1, -1]) == [pytest.approx(948.68, rel=1e-3)]


def test_the_crossover_is_found_with_its_interval() -> None:
    found = scaling.crossover(SIZES, curves(700), np.random.default_rng(0))
    assert found.low < 700 < found.high
    assert found.estimate == pytest.approx(700, rel=0.3)
    assert found.one > 0.95 and found.reason == ""
    assert found.none + found.one + found.several == pytest.approx(1)


def test_no_crossing_in_range_is_said_and_not_guessed() -> None:
    found = scaling.crossover(SIZES, curves(1e7), np.random.default_rng(0))
    assert math.isnan(found.estimate) and found.none == 1.0
    assert found.reason == "none in range"


def test_an_interval_that_leaves_the_range_is_open_there() -> None:
    rng = np.random.default_rng(4)
    falling = scaling.crossover(
        SIZES, curves(7500, slope=-0.03, noise=0.015, rng=rng), np.random.default_rng(0)
    )
    assert falling.high == math.inf and 0 < falling.low < falling.estimate
    levels = np.linspace(-0.04, 0.04, 8)[:, None]  # each seed's whole curve higher or lower
    rising = scaling.crossover(
        SIZES, curves(115, slope=0.05, noise=0.001, rng=rng) + levels, np.random.default_rng(0)
    )
    assert rising.low == 0.0 and rising.high < math.inf


def test_curves_that_cross_often_get_no_interval() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, (8, 5))
    table = noise + np.array([0.01, 0.0, 0.01, 0.0, -0.01])
    found = scaling.crossover(SIZES, table, np.random.default_rng(0))
    assert math.isnan(found.low)
    assert found.several > scaling.MOST_SEVERAL


@pytest.mark.parametrize(("sizes", "seeds"), [(3, 8), (5, 1)])
def test_too_few_sizes_or_seeds_are_refused(sizes: int, seeds: int) -> None:
    found = scaling.crossover(
        SIZES[:sizes], curves(300, seeds=seeds)[:, :sizes], np.random.default_rng(0)
    )
    assert math.isnan(found.estimate) and found.reason


def test_the_same_rng_gives_the_same_interval() -> None:
    first, again = (
        scaling.crossover(SIZES, curves(700), np.random.default_rng(9)) for _ in range(2)
    )
    assert first == again


def test_a_data_equivalent_is_read_off_the_baselines_curve() -> None:
    sizes, losses = [100, 1000, 10000], [3.0, 2.0, 1.0]
    assert scaling.data_equivalent(sizes, losses, 100, 2.5) == pytest.approx(math.sqrt(10))
    assert scaling.data_equivalent(sizes, losses, 1000, 2.0) == pytest.approx(1.0)
    assert scaling.data_equivalent(sizes, losses, 1000, 3.5) == 0.0
    assert scaling.data_equivalent(sizes, losses, 1000, 0.5) == math.inf


@pytest.mark.parametrize("losses", [[3.0, 2.0, 2.5], [1.0, 1.0, 1.0]])
def test_a_curve_that_does_not_fall_gives_no_data_equivalent(losses: list[float]) -> None:
    assert math.isnan(scaling.data_equivalent([100, 1000, 10000], losses, 100, 2.2))
