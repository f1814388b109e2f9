"""How often the statistics are right, on simulated differences whose truth is known.

`python -m tests.simulations docs/statistics.md` measures and puts the figures into the document,
between its two `simulations` marks. `test_simulations.py` holds the same figures to their bounds.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import claims, scaling, stats
from analysis.evidence import gather
from analysis.verdict import settle

Sizes = NDArray[np.int64]

SEEDS = (8, 12, 20)
SIZES = (100, 300, 1000, 3000, 10000)
DRAWS = 2_000
MARGIN = 0.02
NOISE = 0.02
"""Standard deviation of one run's Δ, in nats/token."""

START, END = "<!-- simulations -->", "<!-- /simulations -->"


class Measure(NamedTuple):
    """One thing that is simulated.

    Attributes:
        name: what is counted.
        low, high: the bounds that its rate must keep.
        rate: seeds, draws, rng -> the share of draws.
    """

    name: str
    low: float
    high: float
    rate: Callable[[int, int, np.random.Generator], float]


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
        np.mean([stats.sign_flip(rng.normal(0, NOISE, n), rng) < 0.05 for _ in range(draws)])
    )


def flips_heavy(n: int, draws: int, rng: np.random.Generator) -> float:
    """The same with heavy tails."""
    return float(np.mean([stats.sign_flip(rng.standard_t(3, n), rng) < 0.05 for _ in range(draws)]))


def equivalent(n: int, draws: int, rng: np.random.Generator) -> float:
    """TOST p < .05 where Δ lies on the margin."""
    return float(
        np.mean([stats.tost(rng.normal(MARGIN, NOISE / 2, n), MARGIN) < 0.05 for _ in range(draws)])
    )


def word(
    claim: claims.Claim,
    n: int,
    rng: np.random.Generator,
    truth: Callable[[Sizes], np.ndarray | float],
) -> str:
    """The verdict on a claim from one simulated study of three sizes, Δ as `truth` of N says."""
    seeds, sizes = np.repeat(np.arange(n), 3), np.tile(SIZES[:3], n)
    shared = np.repeat(rng.normal(0, NOISE / 2, n), 3)
    parts = []
    for arm in claim.arms:
        delta = truth(sizes) + shared + rng.normal(0, NOISE, 3 * n)
        parts.append(
            pd.DataFrame(
                {"arm": arm, "seed": seeds, "n_examples": sizes, f"delta.{claim.outcome}": delta}
            )
        )
    pairs = pd.concat(parts, ignore_index=True).assign(condition="", normalize="joint")
    return settle([gather(claim, pairs, rng)], "full")[0].verdict


def falsely_supported(claim: claims.Claim) -> Callable[[int, int, np.random.Generator], float]:
    """The share of studies that support a claim where no mask matters."""

    def rate(n: int, draws: int, rng: np.random.Generator) -> float:
        return float(
            np.mean([word(claim, n, rng, lambda _: 0.0) == "supported" for _ in range(draws)])
        )

    return rate


def found(n: int, draws: int, rng: np.random.Generator) -> float:
    """Studies that support 'small_data' where Δ falls from .1 by .1 per tenfold of N."""
    claim = claims.CLAIMS[0]
    return float(
        np.mean(
            [
                word(claim, n, rng, lambda sizes: 0.3 - 0.1 * np.log10(sizes)) == "supported"
                for _ in range(draws)
            ]
        )
    )


def falsely_equivalent(n: int, draws: int, rng: np.random.Generator) -> float:
    """Studies that call masks equivalent where Δ lies on the margin."""
    claim = claims.general("none", "full")
    return float(
        np.mean([word(claim, n, rng, lambda _: MARGIN) == "equivalent" for _ in range(draws)])
    )


COVERED = (0.93, 0.97)
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
    Measure(
        "'small_data' falsely supported, Δ = 0", 0.0, 0.05, falsely_supported(claims.CLAIMS[0])
    ),
    Measure(
        "the general question falsely supported, Δ = 0",
        0.0,
        0.05,
        falsely_supported(claims.general("none", "full")),
    ),
    Measure("falsely equivalent, Δ on the margin", 0.0, 0.05, falsely_equivalent),
    Measure("'small_data' supported, Δ = .1 at 100, 0 at 1,000 (power)", 0.0, 1.0, found),
)


def measured(place: int, n: int) -> float:
    """The rate of the measure at `place` with n seeds; the same on every machine."""
    return MEASURES[place].rate(n, DRAWS, np.random.default_rng([n, place]))


def document() -> str:
    """The measures at every number of seeds, as a Markdown table."""
    cells = list(itertools.product(range(len(MEASURES)), SEEDS))
    with ProcessPoolExecutor() as pool:
        rates = dict(zip(cells, pool.map(measured, *zip(*cells, strict=True)), strict=True))
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
    return (
        f"{100 * measure.low:.0f}–{100 * measure.high:.0f} %"
        if measure.low
        else f"≤ {100 * measure.high:.1f} %"
    )


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
