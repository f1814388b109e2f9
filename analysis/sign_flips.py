"""Sign-flip tests of one mean and of several cells together; `docs/statistics.md` has sources.

Differences are one number per seed, > 0 where the arm beats the baseline. Every function that draws
takes the rng.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

EXACT_UP_TO = 30
"""Seeds up to which all 2^n sign patterns are counted; above, they are drawn."""

EXACT_JOINTLY = 13
"""The same where several cells are flipped together."""


def _flat(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64).ravel()


def sign_flip_floor(n: int) -> float:
    """The least two-sided p that a sign-flip test of n differences can give: 2 / 2^n."""
    return min(1.0, 2.0 / 2.0**n)


def fewest(alpha: float) -> int:
    """The fewest differences of which a one-sided sign-flip test can give p < `alpha`."""
    return math.floor(math.log2(1 / alpha)) + 1


def sign_flip(differences: ArrayLike, rng: np.random.Generator, draws: int = 100_000) -> float:
    """Two-sided sign-flip (randomisation) test of a mean of 0, Fisher (1935).

    p = share of the 2^n sign patterns with |Σ ±d| ≥ |Σ d|; all patterns are counted up to
    `EXACT_UP_TO` differences, else p = (1 + hits) / (1 + draws) over drawn ones, Phipson & Smyth
    (2010).

    Args:
        differences: [n], one per seed.
        rng: used above `EXACT_UP_TO` differences alone.
        draws: patterns drawn there.

    Returns:
        p; NaN for n = 0.
    """
    d = _flat(differences)
    if not len(d):
        return math.nan
    # Sums that are equal but for rounding must count as equal.
    bar = abs(d.sum()) - 1e-9 * np.abs(d).sum()
    if bar <= 0:
        return 1.0
    if len(d) <= EXACT_UP_TO:
        return _share_beyond(d, bar)
    hits = int(np.sum(np.abs(_drawn_sums(d, rng, draws)) >= bar))
    return (1 + hits) / (1 + draws)


def _share_beyond(d: Array, bar: float) -> float:
    """The share of all sign patterns with |Σ ±d| ≥ bar > 0, each counted.

    A pattern is one of the first half of the differences and one of the second. With the second
    half's sums in order, those that lift a given first sum over the bar are an end of them, so that
    2^(n/2) searches count 2^n patterns.
    """
    first, second = _sums(d[: len(d) // 2]), np.sort(_sums(d[len(d) // 2 :]))
    above = len(second) - np.searchsorted(second, bar - first, side="left")
    below = np.searchsorted(second, -bar - first, side="right")
    return float((above.sum() + below.sum()) / (len(first) * len(second)))


def _sums(d: Array) -> Array:
    """Σ ±d for every sign pattern: [2^n]; one 0 for no differences."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(d: Array, rng: np.random.Generator, draws: int) -> Array:
    """Σ ±d under drawn sign patterns: [draws]. A byte draws the signs of eight differences, whose
    256 sums are worked out once.
    """
    sums = np.zeros(draws)
    for start in range(0, len(d), 8):
        eight = _sums(d[start : start + 8])
        sums += eight[rng.integers(0, len(eight), draws, dtype=np.uint16)]
    return sums


def sign_flip_above(differences: ArrayLike, bound: float, rng: np.random.Generator) -> float:
    """One-sided sign-flip test of mean > `bound`: half the two-sided p where the mean lies above.

    All sign patterns have their mirror image among them, so that the two sides have equal shares.

    Args:
        differences: [n], one per seed.
        bound: what the mean is held against.
        rng: used above `EXACT_UP_TO` differences alone.

    Returns:
        p; 1 where the mean does not lie above the bound, or for n = 0.
    """
    d = _flat(differences) - bound
    if not len(d) or d.mean() <= 0:
        return 1.0
    return sign_flip(d, rng) / 2


def step_down(
    differences: ArrayLike, rng: np.random.Generator, *, two_sided: bool, draws: int = 10_000
) -> Array:
    """Adjusted p of sign-flip tests in several cells, Westfall & Young (1993), step-down maxT.

    Holm's (1979) procedure with the cells' joint distribution in place of Bonferroni's bound: all
    cells of a seed turn their signs together, which keeps how they depend on each other, and the
    largest statistic of the cells still in question is held against each observed one. So p has the
    floor of one cell, however many cells there are, while the chance of any false one stays at
    its level. The statistic is Student's t, so that cells of unequal spread count alike; of one
    cell alone it orders the patterns as the sum does, and p is `sign_flip`'s.

    Args:
        differences: [n seeds, k cells], NaN where a cell lacks a seed.
        rng: used above `EXACT_JOINTLY` seeds alone.
        two_sided: of a mean other than 0; one-sided of a mean above 0 otherwise.
        draws: patterns drawn there.

    Returns:
        [k]; 1 for cells without differences.
    """
    table = np.asarray(differences, dtype=np.float64)
    adjusted = np.ones(table.shape[1])
    there = ~np.isnan(table).all(0)
    if not there.any():
        return adjusted
    flipped = _t(_patterns(len(table), rng, draws), table[:, there])
    if two_sided:
        flipped = np.abs(flipped)
    observed = flipped[0]
    order = np.argsort(-observed, kind="stable")
    # Largest statistic of each pattern over the cells from each place of the order on.
    largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
    # Statistics that are equal but for rounding count as equal; the observed pattern is the first.
    bar = observed[order] - 1e-9 * np.abs(observed[order])
    own = np.empty(len(order))
    own[order] = np.maximum.accumulate(np.mean(largest >= bar, axis=0))
    adjusted[there] = own
    return adjusted


def step_down_apart(
    differences: ArrayLike, able: ArrayLike, rng: np.random.Generator, *, two_sided: bool
) -> Array:
    """`step_down` in which cells that cannot reach the level do not count against those that can.

    Tarone (1990): a cell whose few seeds leave its p above the level, whatever they show, can give
    no false finding; but one of a single seed would leave p = 1 to all.

    Args:
        differences: [n seeds, k cells], NaN where a cell lacks a seed.
        able: [k], whether a cell has seeds enough, by their number alone.
        rng: as `step_down` uses it.
        two_sided: likewise.

    Returns:
        [k]: of the able cells adjusted over those, of the others over all.
    """
    table, can = np.asarray(differences, dtype=np.float64), np.asarray(able, dtype=bool)
    adjusted = step_down(table, rng, two_sided=two_sided)
    if can.any() and not can.all():
        adjusted[can] = step_down(table[:, can], rng, two_sided=two_sided)
    return adjusted


def _patterns(n: int, rng: np.random.Generator, draws: int) -> Array:
    """Sign patterns, [patterns, n]: all of them, or the observed one and drawn ones."""
    if n <= EXACT_JOINTLY:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return (1 - 2 * bits).astype(np.float64)
    drawn = rng.integers(0, 2, (draws, n), dtype=np.int8) * 2.0 - 1.0
    return np.concatenate([np.ones((1, n)), drawn])


def _t(signs: Array, table: Array) -> Array:
    """Student's t of every cell under every pattern, [patterns, k].

    A turned sign leaves Σ d² as it is, so that t follows from the sum alone.
    """
    known = ~np.isnan(table)
    filled = np.where(known, table, 0.0)
    count = known.sum(0)
    mean = signs @ filled / count
    spread = np.maximum((filled**2).sum(0) / count - mean**2, 1e-18)
    return np.asarray(mean * np.sqrt(np.maximum(count - 1, 1) / spread), dtype=np.float64)
