"""The statistics, as pure functions of arrays. `docs/statistics.md` gives formulas and sources.

Differences are one number per seed, > 0 where the arm beats the baseline. Every function that draws
takes the rng.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

EXACT_UP_TO = 30
"""Seeds up to which all 2^n sign patterns are counted; above, they are drawn."""


EXACT_JOINTLY = 13
"""The same where several cells are flipped together."""


class Interval(NamedTuple):
    """An estimate and its confidence limits; NaN limits where the data cannot give any."""

    estimate: float
    low: float
    high: float


def _flat(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64).ravel()


def paired_t(differences: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval of the mean: d̄ ± t(n−1) · s/√n, Student (1908).

    Args:
        differences: [n], one per seed.
        level: the confidence level.

    Returns:
        NaN limits for n < 2.
    """
    d = _flat(differences)
    if len(d) < 2:
        return Interval(float(d.mean()) if len(d) else math.nan, math.nan, math.nan)
    half = stats.t.ppf((1 + level) / 2, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
    return Interval(float(d.mean()), float(d.mean() - half), float(d.mean() + half))


def sign_flip_floor(n: int) -> float:
    """The least two-sided p that a sign-flip test of n differences can give: 2 / 2^n."""
    return min(1.0, 2.0 / 2.0**n)


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
    hits = 0
    for start in range(0, draws, 10_000):
        signs = rng.integers(0, 2, (min(10_000, draws - start), len(d))) * 2.0 - 1.0
        hits += int(np.sum(np.abs(signs @ d) >= bar))
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


def seeds_needed(mean: float, spread: float, alpha: float, power: float = 0.8) -> float:
    """About how many seeds a one-sided test of this mean difference needs.

    n = ((z(1−α) + z(power)) · s / d)² + z(1−α)² / 2: the normal formula, and the seeds that Student's
    tails cost (Guenther 1981), but not fewer than the sign-flip test can reach α with.

    Args:
        mean: the true difference, > 0; infinity is returned for others.
        spread: standard deviation of one seed's difference.
        alpha: one-sided level, adjusted for the number of tests.
        power: probability of p < alpha.
    """
    if not mean > 0:
        return math.inf
    z = float(stats.norm.ppf(1 - alpha))
    n = ((z + float(stats.norm.ppf(power))) * spread / mean) ** 2 + z**2 / 2
    return max(n, math.log2(1 / alpha))


def tost(differences: ArrayLike, margin: float) -> float:
    """Two one-sided t tests of |mean| < margin, Schuirmann (1987); p is the larger of the two.

    Args:
        differences: [n], one per seed.
        margin: > 0, the difference that still counts as none.

    Returns:
        p; NaN for n < 2. p < .05 just where the 90 % interval lies within ±margin.
    """
    d = _flat(differences)
    if len(d) < 2:
        return math.nan
    error = d.std(ddof=1) / math.sqrt(len(d))
    if error == 0:
        return 0.0 if abs(d[0]) < margin else 1.0
    above = stats.t.sf((d.mean() + margin) / error, len(d) - 1)
    below = stats.t.cdf((d.mean() - margin) / error, len(d) - 1)
    return float(max(above, below))


def step_down(
    differences: ArrayLike, rng: np.random.Generator, *, two_sided: bool, draws: int = 10_000
) -> Array:
    """Adjusted p of sign-flip tests in several cells, Westfall & Young (1993), step-down maxT.

    Holm's (1979) procedure with the cells' joint distribution in place of Bonferroni's bound: all
    cells of a seed turn their signs together, which keeps how they depend on each other, and the
    largest statistic of the cells still in question is held against each observed one. So p has the
    floor of one cell, however many cells there are, while the chance of any false one stays at
    its level. The statistic is Student's t, so that cells of unequal spread count alike; of one cell
    alone it orders the patterns as the sum does, and p is `sign_flip`'s.

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


def _patterns(n: int, rng: np.random.Generator, draws: int) -> Array:
    """Sign patterns, [patterns, n]: all of them, or the observed one and drawn ones."""
    if n <= EXACT_JOINTLY:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return (1 - 2 * bits).astype(np.float64)
    drawn = rng.integers(0, 2, (draws, n)) * 2.0 - 1.0
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


def interquartile_mean(values: ArrayLike) -> float:
    """The mean of the middle half, Agarwal et al. (2021): less shaken by one odd seed than the
    mean.

    Args:
        values: [n].
    """
    return float(stats.trim_mean(_flat(values), 0.25))


def probability_of_improvement(arm: ArrayLike, baseline: ArrayLike) -> float:
    """P(arm > baseline) + ½ P(equal) over all n·m pairs of runs, Agarwal et al. (2021): U / (n·m)
    of Mann & Whitney.

    Args:
        arm: [n], larger is better.
        baseline: [m].
    """
    difference = _flat(arm)[:, None] - _flat(baseline)[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def expanded(n: int, level: float = 0.95) -> float:
    """The level at which percentiles of a bootstrap over n seeds have the width of Student's
    interval.

    A bootstrap of n values spreads by √((n−1)/n)·s/√n and has thin tails: its plain 95 %
    percentiles cover about 90 % at n = 8. Hesterberg (2015) widens them: quantiles at Φ(±√(n/(n−1))
    · t(n−1)).
    """
    return float(
        1 - 2 * stats.norm.sf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 + level) / 2, n - 1))
    )


def hierarchical(
    nats: ArrayLike,
    tokens: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2_000,
) -> Interval:
    """Bootstrap interval of a token-weighted mean difference over seeds × prompts, both drawn anew.

    θ = Σ nats / (n · Σ tokens). Each draw takes n seeds and m prompts with replacement (the
    pigeonhole bootstrap, Owen 2007). Its spread errs at few seeds, so the percentiles are read at
    ±t(ν)·√(V/V*): V is the unbiased variance of a two-way random-effects table, V* the bootstrap's,
    ν Satterthwaite's (1946) degrees of freedom.

    Args:
        nats: [n seeds, m prompts], summed difference over a prompt's tokens (or of its score).
        tokens: [m prompts], each prompt's number of tokens (or ones).
        rng: draws the resamples.
        level: the confidence level.
        draws: how many.

    Returns:
        NaN limits for n < 2 or m < 2.
    """
    table = np.asarray(nats, dtype=np.float64)
    weight = _flat(tokens)
    n, m = table.shape
    estimate = float(table.sum() / (n * weight.sum()))
    if n < 2 or m < 2:
        return Interval(estimate, math.nan, math.nan)
    seeds = rng.multinomial(n, np.full(n, 1 / n), draws)
    prompts = rng.multinomial(m, np.full(m, 1 / m), draws)
    drawn = np.sum((seeds @ table) * prompts, 1) / (n * (prompts @ weight))
    variance, freedom = _two_way(table - estimate * weight, weight.mean())
    spread = float(drawn.var())
    if spread == 0:
        return Interval(estimate, estimate, estimate)
    reach = stats.t.ppf((1 + level) / 2, freedom) * math.sqrt(variance / spread)
    low, high = np.quantile(drawn, stats.norm.cdf([-reach, reach]))
    return Interval(estimate, float(low), float(high))


def _two_way(residuals: Array, scale: float) -> tuple[float, float]:
    """Variance of the grand mean of a seeds × prompts table with both random, and its degrees of
    freedom.

    V = (MS_seed + MS_prompt − MS_rest) / (n·m·scale²), never less than either alone gives.
    """
    n, m = residuals.shape
    u = residuals / scale
    rows, cols = u.mean(1), u.mean(0)
    seed = m * rows.var(ddof=1)
    prompt = n * cols.var(ddof=1)
    rest = float(np.sum((u - rows[:, None] - cols[None, :] + u.mean()) ** 2)) / ((n - 1) * (m - 1))
    total = max(seed + prompt - rest, seed, prompt)
    parts = seed**2 / (n - 1) + prompt**2 / (m - 1) + rest**2 / ((n - 1) * (m - 1))
    freedom = total**2 / parts if parts > 0 else float(n - 1)
    return total / (n * m), float(np.clip(freedom, n - 1, m * n))
