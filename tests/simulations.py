"""How often the statistics are right, on simulated differences whose truth is known.

`python -m tests.simulations docs/statistics.md` measures and puts the figures into the document,
between its two `simulations` marks. `test_simulations.py` holds the same figures to their bounds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis import scaling, sign_flips, stats
from tests.worlds import CROSS, EDGE, FLAT, JUST, LOSS, NULL, OPPOSITE, World, words

Rate = Callable[[int, int, np.random.Generator], float]
"""Seeds, draws, rng -> the share of draws."""

SEEDS = (8, 12, 20)
SIZES = (100, 300, 1000, 3000, 10000)
DRAWS = 2_000
STUDIES = 500
"""Simulated studies of a world, each with all its verdicts."""

MARGIN = 0.02
NOISE = 0.02
"""Standard deviation of one run's Δ, in nats/token."""

START, END = "<!-- simulations -->", "<!-- /simulations -->"


class Measure(NamedTuple):
    """One thing that is simulated.

    Attributes:
        name: what is counted.
        low, high: the bounds that its rate must keep.
        rate: the share of draws.
    """

    name: str
    low: float
    high: float
    rate: Rate


def _covered(found: stats.Interval, truth: float) -> bool:
    return found.low <= truth <= found.high


def student(n: int, draws: int, rng: np.random.Generator) -> float:
    """Student's interval of Δ over seeds; normal differences."""
    return float(
        np.mean([_covered(stats.paired_t(rng.normal(0.03, NOISE, n)), 0.03) for _ in range(draws)])
    )


def student_heavy(n: int, draws: int, rng: np.random.Generator) -> float:
    """The same with heavy tails: t with 5 degrees of freedom."""
    return float(
        np.mean(
            [
                _covered(stats.paired_t(0.03 + NOISE * rng.standard_t(5, n)), 0.03)
                for _ in range(draws)
            ]
        )
    )


def two_way(
    n: int, draws: int, rng: np.random.Generator, prompts: int = 60, prompt: float = 0.1
) -> float:
    """The interval over seeds × prompts; both differ, and prompts have 2 to 20 tokens."""
    hits = 0
    for _ in range(draws):
        tokens = rng.integers(2, 21, prompts).astype(float)
        each = 0.03 + rng.normal(0, NOISE, (n, 1)) + rng.normal(0, prompt, (1, prompts))
        each = each + rng.normal(0, 0.1, (n, prompts))
        hits += _covered(stats.hierarchical(each * tokens, tokens, rng, draws=1_000), 0.03)
    return hits / draws


def same_prompts(n: int, draws: int, rng: np.random.Generator) -> float:
    """The same where all prompts take to the mask alike."""
    return two_way(n, draws, rng, prompt=0.0)


def curves(
    n: int, rng: np.random.Generator, zero: float = 1000.0, slope: float = -0.1
) -> np.ndarray:
    """Δ of n seeds at every size, straight in log10 N with its zero at `zero`: [n, sizes]."""
    line = slope * (np.log10(SIZES) - math.log10(zero))
    return np.asarray(
        line + rng.normal(0, NOISE / 2, (n, 1)) + rng.normal(0, NOISE, (n, len(SIZES)))
    )


def slope(n: int, draws: int, rng: np.random.Generator) -> float:
    """The interval of the slope of Δ per tenfold of N."""
    found = (stats.paired_t(scaling.slopes(SIZES, curves(n, rng))) for _ in range(draws))
    return float(np.mean([_covered(interval, -0.1) for interval in found]))


def crossover(n: int, draws: int, rng: np.random.Generator) -> float:
    """The interval of N*, truth 1,000; a study without an interval counts as a miss."""
    found = (scaling.crossover(SIZES, curves(n, rng), rng, draws=1_000) for _ in range(draws))
    return float(np.mean([crossing.low <= 1000 <= crossing.high for crossing in found]))


def flips(n: int, draws: int, rng: np.random.Generator) -> float:
    """Sign-flip p < .05 where Δ is 0."""
    return float(
        np.mean([sign_flips.sign_flip(rng.normal(0, NOISE, n), rng) < 0.05 for _ in range(draws)])
    )


def flips_heavy(n: int, draws: int, rng: np.random.Generator) -> float:
    """The same with heavy tails."""
    return float(
        np.mean([sign_flips.sign_flip(rng.standard_t(3, n), rng) < 0.05 for _ in range(draws)])
    )


def equivalent(n: int, draws: int, rng: np.random.Generator) -> float:
    """TOST p < .05 where Δ lies on the margin."""
    return float(
        np.mean([stats.tost(rng.normal(MARGIN, NOISE / 2, n), MARGIN) < 0.05 for _ in range(draws)])
    )


def claimed(world: World, word: str) -> Rate:
    """Studies of a world that give the claim of a gain this word."""
    return lambda n, _, __: words(world, n, STUDIES).claim.get(word, 0.0)


def wrong_cell(world: World) -> Rate:
    """Studies of a world that find the gain in a cell where there is none."""
    return lambda n, _, __: words(world, n, STUDIES).wrong_cell


def falling(world: World, word: str) -> Rate:
    """Studies of a world that give the claim of a falling trend this word."""
    return lambda n, _, __: words(world, n, STUDIES).falling.get(word, 0.0)


def any_trend(world: World) -> Rate:
    """Studies of a world that find a rising or a falling trend."""

    def rate(n: int, _: int, __: np.random.Generator) -> float:
        found = words(world, n, STUDIES)
        return found.falling.get("found", 0.0) + found.rising.get("found", 0.0)

    return rate


def called(world: World, *named: str) -> Rate:
    """Studies of a world that give the mask one of these words."""
    return lambda n, _, __: sum(words(world, n, STUDIES).arm.get(word, 0.0) for word in named)


COVERED = (0.93, 0.97)
FALSE = (0.0, 0.05)
CALLED = (0.0, 0.05 + 2 * math.sqrt(0.05 * 0.95 / STUDIES))
"""A level of .05 over all cells, and twice the Monte Carlo error of that many studies."""

POWER = (0.8, 1.0)
"""Of words, from `POWERED` seeds on."""

POWERED = 12
LEVEL = (0.0, 0.05 + 2 * math.sqrt(0.05 * 0.95 / DRAWS))
"""A level of .05 and twice its Monte Carlo error."""

MEASURES = (
    Measure("Student's 95 % interval of Δ covers it", *COVERED, student),
    Measure("the same, heavy tails (t, 5 degrees of freedom)", *COVERED, student_heavy),
    Measure("95 % interval over seeds × prompts covers Δ", *COVERED, two_way),
    Measure("the same, prompts that take to the mask alike", *COVERED, same_prompts),
    Measure("95 % interval of the slope covers it", *COVERED, slope),
    Measure("95 % interval of N* covers it (no interval counts as a miss)", *COVERED, crossover),
    Measure("sign-flip p < .05, Δ = 0", *LEVEL, flips),
    Measure("the same, heavy tails (t, 3 degrees of freedom)", *LEVEL, flips_heavy),
    Measure("TOST p < .05, Δ on the margin", *LEVEL, equivalent),
    Measure("claim of a gain, no mask matters: found", *FALSE, claimed(NULL, "found")),
    Measure("the same: not found", 0.0, 1.0, claimed(NULL, "not found")),
    Measure("gain of .1 everywhere: found", *POWER, claimed(FLAT, "found")),
    Measure("the same: not found", *FALSE, claimed(FLAT, "not found")),
    Measure("the same: a trend found", *FALSE, any_trend(FLAT)),
    Measure("gain of the margin and 2 SE: found", *POWER, claimed(JUST, "found")),
    Measure("the same: not found", *FALSE, claimed(JUST, "not found")),
    Measure("gain of just the margin: not found", *FALSE, claimed(EDGE, "not found")),
    Measure("loss of .1 everywhere: not found", *POWER, claimed(LOSS, "not found")),
    Measure("the same: found", *FALSE, claimed(LOSS, "found")),
    Measure("crossover: found", *POWER, claimed(CROSS, "found")),
    Measure("the same: not found", *FALSE, claimed(CROSS, "not found")),
    Measure("the same: found where it is none", *FALSE, wrong_cell(CROSS)),
    Measure("the same: falling trend found", *POWER, falling(CROSS, "found")),
    Measure("two sets of opposite sign: found", *POWER, claimed(OPPOSITE, "found")),
    Measure("the same: not found", *FALSE, claimed(OPPOSITE, "not found")),
    Measure("the same: found where it is none", *FALSE, wrong_cell(OPPOSITE)),
    Measure("the same: a trend found", *FALSE, any_trend(OPPOSITE)),
    Measure("mask, no mask matters: better or worse", *CALLED, called(NULL, "better", "worse")),
    Measure("mask, gain of the margin: equivalent", *FALSE, called(EDGE, "equivalent")),
    Measure("mask, gain of .1: better", *POWER, called(FLAT, "better")),
    Measure("mask, crossover: mixed", *POWER, called(CROSS, "mixed")),
    Measure("mask, two sets of opposite sign: mixed", *POWER, called(OPPOSITE, "mixed")),
)


def measured(place: int, n: int) -> float:
    """The rate of the measure at `place` with n seeds; the same on every machine."""
    return MEASURES[place].rate(n, DRAWS, np.random.default_rng([n, place]))


def document() -> str:
    """The measures at every number of seeds, as a Markdown table."""
    # All measures of one number of seeds in one process, which simulates each world once.
    cells = [(place, n) for n in SEEDS for place in range(len(MEASURES))]
    with ProcessPoolExecutor(len(SEEDS)) as pool:
        found = pool.map(measured, *zip(*cells, strict=True), chunksize=len(MEASURES))
        rates = dict(zip(cells, found, strict=True))
    lines = [
        "| share of simulated studies | target | " + " | ".join(f"n = {n}" for n in SEEDS) + " |",
        "| --- | --- |" + " --- |" * len(SEEDS),
    ]
    for place, measure in enumerate(MEASURES):
        shares = " | ".join(f"{100 * rates[place, n]:.1f} %" for n in SEEDS)
        lines.append(f"| {measure.name} | {_target(measure)} | {shares} |")
    return "\n".join(lines)


def _target(measure: Measure) -> str:
    if (measure.low, measure.high) == (0.0, 1.0):
        return "none"
    if (measure.low, measure.high) == POWER:
        return f"≥ {100 * measure.low:.0f} % from n = {POWERED}"
    if measure.low:
        return f"{100 * measure.low:.0f}–{100 * measure.high:.0f} %"
    return f"≤ {100 * measure.high:.1f} %"


def main() -> None:
    """Put the figures into a document."""
    parser = argparse.ArgumentParser(description="Measure the statistics on simulated studies.")
    parser.add_argument("document", type=Path, help="Markdown file with the two marks")
    path = parser.parse_args().document
    before, _, rest = path.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{START}\n{document()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
