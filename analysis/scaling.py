"""How Δ moves with the size of the training set: its slope, and where it crosses zero."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats import Array, expanded

LEAST_SIZES = 4
MOST_SEVERAL = 0.05
"""Share of draws with several crossings above which no interval is given: there is no one N*
then.
"""


class Crossover(NamedTuple):
    """Where Δ is zero.

    Attributes:
        estimate: N* of the mean curve; NaN unless it crosses just once.
        low: lower confidence limit; 0 where it lies below the smallest size, NaN where there is
            none to give.
        high: upper one; infinity where it lies above the largest size.
        none, one, several: shares of the bootstrap draws with so many crossings.
        reason: why there is no estimate or interval; "" where both are there.
    """

    estimate: float
    low: float
    high: float
    none: float
    one: float
    several: float
    reason: str


def slopes(sizes: ArrayLike, deltas: ArrayLike) -> Array:
    """Each seed's least-squares slope of Δ in log10 N.

    β = Σ (x − x̄)(Δ − Δ̄) / Σ (x − x̄)², x = log10 N. One number per seed makes the seeds the unit
    of evidence, whatever ties the sizes of one seed have (their subsets are nested).

    Args:
        sizes: [k], at least two different.
        deltas: [n seeds, k sizes].

    Returns:
        [n seeds], per tenfold of N.
    """
    x = np.log10(np.asarray(sizes, dtype=np.float64))
    centred = x - x.mean()
    table = np.asarray(deltas, dtype=np.float64)
    return np.asarray((table - table.mean(1, keepdims=True)) @ centred / np.sum(centred**2))


def crossings(sizes: ArrayLike, curve: ArrayLike) -> list[float]:
    """The sizes at which a curve, straight between its points over log10 N, crosses zero; never
    outside the points.

    A curve that touches zero and turns back has not crossed.

    Args:
        sizes: [k], rising.
        curve: [k].
    """
    x = np.log10(np.asarray(sizes, dtype=np.float64))
    points = [
        point for point in zip(x, np.asarray(curve, dtype=np.float64), strict=True) if point[1] != 0
    ]
    return [
        float(10 ** (x0 + (x1 - x0) * y0 / (y0 - y1)))
        for (x0, y0), (x1, y1) in pairwise(points)
        if (y0 > 0) != (y1 > 0)
    ]


def crossover(
    sizes: ArrayLike,
    deltas: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2_000,
) -> Crossover:
    """N*, the piecewise-linear zero of the mean Δ, with an interval from whole seeds drawn anew.

    A draw whose curve does not cross counts as N* below the smallest or above the largest size, by
    its sign, so that the interval is open on that side instead of leaving such draws out.
    Percentiles are widened by `stats.expanded`.

    Args:
        sizes: [k], rising; at least `LEAST_SIZES`, otherwise there is no estimate.
        deltas: [n seeds, k sizes].
        rng: draws the seeds.
        level: the confidence level.
        draws: how many.
    """
    x = np.asarray(sizes, dtype=np.float64)
    table = np.asarray(deltas, dtype=np.float64)
    if len(x) < LEAST_SIZES:
        return _nothing(f"{len(x)} sizes; a crossover needs {LEAST_SIZES}")
    if len(table) < 2:
        return _nothing("one seed; an interval needs two")
    mean = table.mean(0)
    found = crossings(x, mean)
    falling = bool(mean[0] > mean[-1])
    seeds = rng.integers(0, len(table), (draws, len(table)))
    places, counts = [], np.zeros(3)
    for curve in table[seeds].mean(1):
        zeros = crossings(x, curve)
        counts[min(len(zeros), 2)] += 1
        if len(zeros) == 1:
            places.append(zeros[0])
        elif not zeros:
            places.append(math.inf if (curve[0] > 0) == falling else 0.0)
    none, one, several = (float(share) for share in counts / draws)
    if len(found) != 1:
        reason = "none in range" if not found else f"{len(found)} crossings of the mean curve"
        return Crossover(math.nan, math.nan, math.nan, none, one, several, reason)
    if several > MOST_SEVERAL:
        reason = f"{several:.0%} of the draws cross more than once: no interval"
        return Crossover(found[0], math.nan, math.nan, none, one, several, reason)
    tail = (1 - expanded(len(table), level)) / 2
    low, high = np.quantile(places, [tail, 1 - tail], method="inverted_cdf")
    return Crossover(found[0], float(low), float(high), none, one, several, "")


def data_equivalent(sizes: ArrayLike, losses: ArrayLike, size: float, loss: float) -> float:
    """How many times the examples the baseline would need for this loss: N'/N, where its curve,
    straight between its points over log10 N, has that loss at N'.

    The baseline's curve is taken as known: an interval made of this tells of Δ alone.

    Args:
        sizes: [k], rising; of the baseline.
        losses: [k], its mean loss at each.
        size: N, the examples that the arm had.
        loss: the arm's loss.

    Returns:
        0 where the loss is above the curve, infinity where it is below; NaN where there is no curve
        or it does not fall throughout.
    """
    x = np.log10(np.asarray(sizes, dtype=np.float64))
    y = np.asarray(losses, dtype=np.float64)
    if len(x) < 2 or math.isnan(loss) or not (np.diff(y) < 0).all():
        return math.nan
    if loss > y[0]:
        return 0.0
    if loss < y[-1]:
        return math.inf
    # np.interp wants rising points, and the losses fall.
    return float(10 ** np.interp(loss, y[::-1], x[::-1]) / size)


def _nothing(reason: str) -> Crossover:
    unknown = math.nan
    return Crossover(unknown, unknown, unknown, unknown, unknown, unknown, reason)
