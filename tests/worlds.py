"""Worlds in which the truth is known, and the words that simulated studies of them get."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import scaling, sign_flips, stats
from analysis.arms import judge
from analysis.claims import Claim, known, load_claim
from analysis.evidence import Cell
from analysis.outcomes import PRIMARY, outcome
from analysis.verdict import settle

SIZES = np.array([100.0, 300.0, 1000.0])
SPREAD = np.array([0.065, 0.028, 0.025])
"""Standard deviation of one seed's Δ at each size, as observed (docs/results/small_data, nano)."""

SHARED = 0.3
"""Correlation of a seed's Δ between sizes, as observed."""

MARGIN = 0.02
Curve = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class World:
    """What is true.

    Attributes:
        name: of the world.
        sets: name of each data set -> the true Δ at each size.
    """

    name: str
    sets: Mapping[str, Curve]


NULL = World("no mask matters", {"a": (0.0, 0.0, 0.0)})
FLAT = World("not masking gains .1 everywhere", {"a": (0.1, 0.1, 0.1)})
LOSS = World("not masking loses .1 everywhere", {"a": (-0.1, -0.1, -0.1)})
EDGE = World("not masking gains the margin everywhere", {"a": (MARGIN, MARGIN, MARGIN)})
JUST = World(
    "each cell 2 standard errors of 12 seeds above the margin",
    {"a": tuple(MARGIN + 2 * SPREAD / math.sqrt(12))},
)
CROSS = World("a crossover: +.15, −.05, −.25", {"a": (0.15, -0.05, -0.25)})
OPPOSITE = World("two sets of opposite sign, ±.1", {"a": (0.1, 0.1, 0.1), "b": (-0.1, -0.1, -0.1)})


class Words(NamedTuple):
    """The words of many studies of one world, as shares.

    Attributes:
        claim: of the claim that not masking gains somewhere.
        wrong_cell: studies that find the gain in a cell where there is none.
        falling, rising: of the two trend claims.
        arm: of the exploratory verdict on the mask.
    """

    claim: dict[str, float]
    wrong_cell: float
    falling: dict[str, float]
    rising: dict[str, float]
    arm: dict[str, float]


def differences(curve: Curve, n: int, rng: np.random.Generator) -> np.ndarray:
    """Δ of n seeds at every size, with the observed spreads: [n, sizes]."""
    shared = math.sqrt(SHARED) * rng.normal(0, 1, (n, 1))
    own = math.sqrt(1 - SHARED) * rng.normal(0, 1, (n, len(SIZES)))
    return np.asarray(curve) + SPREAD * (shared + own)


@lru_cache
def words(world: World, n: int, draws: int) -> Words:
    """The words of `draws` studies with n exploring and n fresh seeds; the same each time."""
    rng = np.random.default_rng([n, len(world.name)])
    level = load_claim(known()["small_data"])
    falling = load_claim(known()["small_data.trend"])
    rising = _turned(falling)
    counts = {name: Counter[str]() for name in ("claim", "falling", "rising", "arm")}
    wrong = 0
    for _ in range(draws):
        explored = {name: differences(curve, n, rng) for name, curve in world.sets.items()}
        fresh = {name: differences(curve, n, rng) for name, curve in world.sets.items()}
        cells = _levels(explored, fresh)
        verdict = settle("level", level, cells, rng)
        counts["claim"][verdict.word] += 1
        wrong += any(not _gains(world, label) for label in verdict.region)
        for name, claim in (("falling", falling), ("rising", rising)):
            trend = settle(name, claim, _slopes(explored, fresh), rng)
            counts[name][trend.word] += 1
        effects = _effects(explored, rng)
        counts["arm"][judge(effects, outcome(PRIMARY), "full")["none"].word] += 1
    rates = {name: {word: found / draws for word, found in c.items()} for name, c in counts.items()}
    return Words(rates["claim"], wrong / draws, rates["falling"], rates["rising"], rates["arm"])


def _turned(falling: Claim) -> Claim:
    """The claim of the opposite trend."""
    return replace(falling, effect="rising")


def _levels(explored: dict[str, np.ndarray], fresh: dict[str, np.ndarray]) -> list[Cell]:
    """A declared cell for each set and size."""
    return [
        Cell(f"{name} {place}", pd.Series(table[:, place]), pd.Series(fresh[name][:, place]))
        for name, table in explored.items()
        for place in range(len(SIZES))
    ]


def _slopes(explored: dict[str, np.ndarray], fresh: dict[str, np.ndarray]) -> list[Cell]:
    """A declared cell for each set: its slopes."""
    return [Cell(name, _slope(table), _slope(fresh[name])) for name, table in explored.items()]


def _slope(table: np.ndarray) -> pd.Series:
    return pd.Series(scaling.slopes(SIZES, table))


def _gains(world: World, label: str) -> bool:
    """Whether not masking truly gains in a cell."""
    name, _, place = label.partition(" ")
    return world.sets[name][int(place)] > 0


def _effects(explored: dict[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """The table of effects that the verdict on a mask reads."""
    rows = []
    cells = _levels(explored, explored)
    for cell in cells:
        name, _, place = cell.label.partition(" ")
        interval = stats.paired_t(cell.explored)
        rows.append(
            {
                "condition": name,
                "arm": "none",
                "n_examples": int(SIZES[int(place)]),
                "n": len(cell.explored),
                "delta": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "p": sign_flips.sign_flip(cell.explored, rng),
                "equivalence": stats.tost(cell.explored, MARGIN),
                "bound": "",
            }
        )
    table = np.column_stack([cell.explored for cell in cells])
    return pd.DataFrame(rows).assign(adjusted=sign_flips.step_down(table, rng, two_sided=True))
