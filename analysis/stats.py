"""Intervals and equivalence, as pure functions of arrays; `docs/statistics.md` has the formulas.
Quantiles come from `scipy.special`: `scipy.stats` takes a second to import.

Differences are one number per seed, > 0 where the arm beats the baseline. Every function that draws
takes the rng.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]


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
    half = special.stdtrit(len(d) - 1, (1 + level) / 2) * d.std(ddof=1) / math.sqrt(len(d))
    return Interval(float(d.mean()), float(d.mean() - half), float(d.mean() + half))


def seeds_needed(mean: float, spread: float, alpha: float, power: float = 0.8) -> float:
    """About how many seeds a one-sided test of this mean difference needs.

    n = ((z(1−α) + z(power)) · s / d)² + z(1−α)² / 2: the normal formula, and the seeds that
    Student's tails cost (Guenther 1981), but not fewer than the sign-flip test can reach α with.

    Args:
        mean: the true difference, > 0; infinity is returned for others.
        spread: standard deviation of one seed's difference.
        alpha: one-sided level, adjusted for the number of tests.
        power: probability of p < alpha.
    """
    if not mean > 0:
        return math.inf
    z = float(special.ndtri(1 - alpha))
    n = ((z + float(special.ndtri(power))) * spread / mean) ** 2 + z**2 / 2
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
    above = special.stdtr(len(d) - 1, -(d.mean() + margin) / error)
    below = special.stdtr(len(d) - 1, (d.mean() - margin) / error)
    return float(max(above, below))


def interquartile_mean(values: ArrayLike) -> float:
    """The mean of the middle half, Agarwal et al. (2021): less shaken by one odd seed than the
    mean.

    Args:
        values: [n].
    """
    flat = _flat(values)
    cut = len(flat) // 4
    return float(np.partition(flat, (cut, len(flat) - cut - 1))[cut : len(flat) - cut].mean())


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
    reach = math.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + level) / 2)
    return float(1 - 2 * special.ndtr(-reach))


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
    reach = special.stdtrit(freedom, (1 + level) / 2) * math.sqrt(variance / spread)
    low, high = np.quantile(drawn, special.ndtr([-reach, reach]))
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
