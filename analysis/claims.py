"""The claims that sweeps test, as data: what is compared, where, and what would settle it."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from analysis.pairs import CO_PRIMARY, PRIMARY

Effect = Literal["not worse", "better", "worse"]


class Claim(NamedTuple):
    """One claim and its rule.

    Attributes:
        key: the value of the config key `claim`; the name of the stored sweep.
        letter: its place among the five; "" for the question that any sweep answers.
        text: the claim.
        arms: each of these must show the effect, against the baseline.
        outcome: the column that is judged.
        effect: how the arm compares with the baseline where `low` ≤ `x` ≤ `high`.
        x: the column along which the claim speaks; "" for a claim about everything at hand.
        name: what to call `x`.
        low, high: the range in which the effect must show, at every level of `x`.
        slope: the sign that the slope of Δ in log10 `x` must have; 0 where the claim says nothing
            of it.
        within: column and the values of it that must each show all this; a value that only the
            control needs makes an effect that holds elsewhere alone a refutation. Empty for none.
    """

    key: str
    letter: str
    text: str
    arms: tuple[str, ...]
    outcome: str
    effect: Effect
    x: str = ""
    name: str = ""
    low: float = 0.0
    high: float = math.inf
    slope: int = 0
    within: tuple[str, tuple[str, ...]] = ("", ())


CLAIMS = (
    Claim(
        key="small_data",
        letter="a",
        text="With little data, not masking is as good or better",
        arms=("none",),
        outcome=PRIMARY,
        effect="not worse",
        x="n_examples",
        name="N",
        high=1000,
        slope=-1,
        within=("normalize", ("joint",)),
    ),
    Claim(
        key="short_text",
        letter="b",
        text="On short texts, masking loses more than it gains",
        arms=("none",),
        outcome=PRIMARY,
        effect="better",
        x="length.total",
        name="total length",
        high=64,
        slope=-1,
        within=("normalize", ("joint",)),
    ),
    Claim(
        key="capacity",
        letter="c",
        text="A small model is hurt by over-masking",
        arms=("full keep.response=0.5",),
        outcome=PRIMARY,
        effect="worse",
        x="parameters",
        name="parameters",
        high=1e6,
        slope=1,
    ),
    Claim(
        key="long_input",
        letter="d",
        text="On long inputs, not masking hurts",
        arms=("none",),
        outcome=PRIMARY,
        effect="worse",
        x="length.prompt",
        name="prompt length",
        low=400,
        slope=-1,
        within=("normalize", ("joint", "response")),
    ),
    Claim(
        key="multi_turn",
        letter="e",
        text="In multi-turn dialogue, a wrong mask hurts coherence",
        arms=("first_turn", "users_only", "end_masked"),
        outcome=CO_PRIMARY,
        effect="worse",
    ),
)

FAMILY = len(CLAIMS)
"""Holm's family: the five claims, whether or not all are at hand."""


def find(key: str) -> Claim | None:
    """The claim of this key or letter."""
    return next((claim for claim in CLAIMS if key in (claim.key, claim.letter)), None)


def general(arm: str, baseline: str) -> Claim:
    """The question that any sweep answers, with its first arm."""
    text = (
        "Is not masking better than masking here?"
        if arm == "none"
        else f"Is '{arm}' better than '{baseline}' here?"
    )
    return Claim(key="", letter="", text=text, arms=(arm,), outcome=PRIMARY, effect="better")
