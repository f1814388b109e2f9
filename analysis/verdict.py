"""Verdicts on claims: found, unconfirmed, not found or inconclusive, by one rule for all claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis import sign_flips, stats
from analysis.claims import Claim
from analysis.evidence import Cell
from analysis.sign_flips import Array, fewest

Word = Literal["found", "unconfirmed", "not found", "inconclusive"]

CONFIRM_ALPHA = 0.05
"""One-sided level on fresh seeds: what they confirm has passed the claim's own level before."""

CONFIRMING = fewest(CONFIRM_ALPHA)
"""The fewest fresh seeds that can."""


class Tested(NamedTuple):
    """What one declared cell shows.

    Attributes:
        label: of the cell.
        seeds: how many differences it has.
        estimate, low, high: their mean and Student's 95 % interval.
        p: one-sided sign-flip p of the claimed effect.
        adjusted: the same, adjusted over the declared cells whose seeds could reach the claim's
            level; of the others, over all.
        opposite: of the opposite effect, adjusted.
        small: one-sided p of an effect below the margin.
        small_adjusted: the same, adjusted.
        share: the mean as a share of the baseline's gain over the base; NaN where it has none.
        fresh_seeds: seeds kept for confirmation that are there.
        fresh_estimate, fresh_low, fresh_high: as above, on those.
        fresh_p: one-sided p on those, adjusted over the cells that were found, likewise; NaN
            where not tested.
        lacking: why the cell has no differences.
    """

    label: str
    seeds: int
    estimate: float
    low: float
    high: float
    p: float
    adjusted: float
    opposite: float
    small: float
    small_adjusted: float
    share: float
    fresh_seeds: int
    fresh_estimate: float
    fresh_low: float
    fresh_high: float
    fresh_p: float
    lacking: str

    @property
    def refuted(self) -> bool:
        """Whether fresh seeds, enough of them, did not show again what was found."""
        return self.fresh_seeds >= CONFIRMING and self.fresh_p >= CONFIRM_ALPHA


class Verdict(NamedTuple):
    """What the runs say of a claim.

    Attributes:
        key: the claim's name.
        claim: the claim.
        word: the verdict.
        cells: what each declared cell shows.
        region: labels of the cells in which the effect was found (and, where seeds were kept for
            it, confirmed).
        against: labels of the cells in which the opposite was found.
        needed: about how many seeds would settle it; NaN where the word is settled or no number
            would.
    """

    key: str
    claim: Claim
    word: Word
    cells: tuple[Tested, ...]
    region: tuple[str, ...]
    against: tuple[str, ...]
    needed: float

    @property
    def unable(self) -> tuple[Tested, ...]:
        """The cells that can decide nothing, whatever they show: their seeds are too few."""
        return tuple(cell for cell in self.cells if cell.seeds < fewest(self.claim.alpha))


def settle(key: str, claim: Claim, cells: Sequence[Cell], rng: np.random.Generator) -> Verdict:
    """The word for a claim.

    Where no seeds but those kept for confirmation are there, they chose nothing, and are tested as
    the claim declares. Otherwise the others find a region, and the fresh ones must show it again.
    """
    alone = all(not len(cell.explored) for cell in cells)
    if alone:
        cells = [cell._replace(explored=cell.fresh, fresh=cell.fresh[:0]) for cell in cells]
    tested = _test(claim, cells, rng)
    some = claim.where == "some"
    found = [test.adjusted < claim.alpha for test in tested]
    if not some:
        # All must hold, so that each may be tested at the whole level (Berger 1982).
        every = all(test.p < claim.alpha for test in tested)
        found = [every for _ in tested]
    tested = _confirm(claim, cells, found, tested, rng)
    against = tuple(test.label for test in tested if test.opposite < claim.alpha)
    word, region = _word(claim, tested, found, fresh_alone=alone and claim.confirm is not None)
    needed = _needed(claim, cells) if word == "inconclusive" else math.nan
    return Verdict(key, claim, word, tuple(tested), region, against, needed)


def _test(claim: Claim, cells: Sequence[Cell], rng: np.random.Generator) -> list[Tested]:
    """Each cell's tests, adjusted; a cell without differences counts as p = 1."""
    explored = [cell.explored for cell in cells]
    adjusted = _over_cells([claim.sign * d for d in explored], claim.alpha, rng)
    opposite = _over_cells([-claim.sign * d for d in explored], claim.alpha, rng)
    small = _over_cells([claim.margin - claim.sign * d for d in explored], claim.alpha, rng)
    tested = []
    for place, cell in enumerate(cells):
        toward = claim.sign * cell.explored.to_numpy()
        interval, again = stats.paired_t(cell.explored), stats.paired_t(cell.fresh)
        tested.append(
            Tested(
                label=cell.label,
                seeds=len(cell.explored),
                estimate=interval.estimate,
                low=interval.low,
                high=interval.high,
                p=sign_flips.sign_flip_above(toward, 0.0, rng),
                adjusted=float(adjusted[place]),
                opposite=float(opposite[place]),
                small=sign_flips.sign_flip_above(-toward, -claim.margin, rng),
                small_adjusted=float(small[place]),
                share=interval.estimate / cell.gain if cell.gain > 0 else math.nan,
                fresh_seeds=len(cell.fresh),
                fresh_estimate=again.estimate,
                fresh_low=again.low,
                fresh_high=again.high,
                fresh_p=math.nan,
                lacking=cell.lacking,
            )
        )
    return tested


def _over_cells(cells: Sequence[pd.Series], alpha: float, rng: np.random.Generator) -> Array:
    """Of a mean above 0, p adjusted over the cells whose seeds could reach the level: [cells]."""
    table = pd.concat(cells, axis=1).to_numpy(dtype=float)  # a line for each seed that any has
    able = [len(cell) >= fewest(alpha) for cell in cells]
    return sign_flips.step_down_apart(table, able, rng, two_sided=False)


def _confirm(
    claim: Claim,
    cells: Sequence[Cell],
    found: Sequence[bool],
    tested: Sequence[Tested],
    rng: np.random.Generator,
) -> list[Tested]:
    """The tests of the found cells again, on fresh seeds."""
    places = [place for place, cell in enumerate(cells) if found[place] and len(cell.fresh)]
    again = list(tested)
    if not places:
        return again
    fresh = [claim.sign * cells[place].fresh for place in places]
    if claim.where == "some":
        shown = _over_cells(fresh, CONFIRM_ALPHA, rng).tolist()
    else:
        # Every cell must be confirmed: each may be tested at the whole level.
        shown = [sign_flips.sign_flip_above(one, 0.0, rng) for one in fresh]
    for place, value in zip(places, shown, strict=True):
        again[place] = again[place]._replace(fresh_p=value)
    return again


def _word(
    claim: Claim, tested: Sequence[Tested], found: Sequence[bool], *, fresh_alone: bool
) -> tuple[Word, tuple[str, ...]]:
    """The word and the region it speaks of."""
    some = claim.where == "some"
    small = [test.small < claim.alpha for test in tested]
    nowhere = all(small) if some else any(test.small_adjusted < claim.alpha for test in tested)
    # Before 'found': an effect that is there but nowhere as large as the margin is none.
    if nowhere:
        return "not found", ()
    if not any(found):
        return "inconclusive", ()
    region = tuple(test.label for test, here in zip(tested, found, strict=True) if here)
    if fresh_alone:
        return "found", region
    again = [test for test, here in zip(tested, found, strict=True) if here]
    confirmed = [test for test in again if test.fresh_p < CONFIRM_ALPHA]
    if confirmed and (some or len(confirmed) == len(again)):
        return "found", tuple(test.label for test in confirmed)
    if any(test.refuted for test in again):
        return "inconclusive", ()
    return "unconfirmed", region


def _needed(claim: Claim, cells: Sequence[Cell]) -> float:
    """About how many seeds would settle an open claim, were the means and spreads as they are.

    Either enough for the clearest cell to be found, or enough for all to lie below the margin.
    """
    known = [claim.sign * cell.explored.to_numpy() for cell in cells if len(cell.explored) > 1]
    if len(known) < len(cells):
        return math.nan
    means = [float(d.mean()) for d in known]
    spreads = [float(d.std(ddof=1)) for d in known]
    per_cell = claim.alpha / len(cells) if claim.where == "some" else claim.alpha
    to_find = [
        stats.seeds_needed(mean, spread, per_cell)
        for mean, spread in zip(means, spreads, strict=True)
    ]
    to_exclude = [
        stats.seeds_needed(claim.margin - mean, spread, claim.alpha)
        for mean, spread in zip(means, spreads, strict=True)
    ]
    if claim.where == "some":
        needed = min(min(to_find), max(to_exclude))
    else:
        needed = min(max(to_find), min(to_exclude))
    return math.ceil(needed) if math.isfinite(needed) else math.nan
