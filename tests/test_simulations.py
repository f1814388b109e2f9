"""The statistics keep what they promise, on simulated studies; docs/statistics.md shows the
figures.
"""

from __future__ import annotations

import pytest

from tests.simulations import DRAWS, MEASURES, POWER, POWERED, SEEDS, measured


@pytest.mark.slow
@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("place", range(len(MEASURES)), ids=[measure.name for measure in MEASURES])
def test_rates_keep_their_bounds(place: int, n: int) -> None:
    assert DRAWS >= 2_000
    low, high = MEASURES[place].low, MEASURES[place].high
    if (low, high) == POWER and n < POWERED:
        low = 0.0
    assert low <= measured(place, n) <= high
