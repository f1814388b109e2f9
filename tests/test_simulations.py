"""The statistics keep what they promise, on simulated studies; docs/statistics.md shows the
figures.
"""

import pytest

from tests.simulations import DRAWS, MEASURES, SEEDS, measured


@pytest.mark.slow
@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("place", range(len(MEASURES)), ids=[measure.name for measure in MEASURES])
def test_rates_keep_their_bounds(place, n):
    assert DRAWS >= 2_000
    assert MEASURES[place].low <= measured(place, n) <= MEASURES[place].high
