"""Tokens and weights to rows, and rows to steps and micro-batches. The only place that shifts
inputs against targets.

What goes into which step depends on lengths and seed alone, never on a mask: every arm sees the
same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.data.tokens import Tokens


class Row(NamedTuple):
    """One example shifted: position i predicts token i + 1 of the conversation. Arrays are [time -
    1].

    Attributes:
        inputs, targets: int32 ids.
        roles: int8, of the targets.
        weights: float32, of the targets.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    roles: NDArray[np.int8]
    weights: NDArray[np.float32]


def shift(tokens: Tokens, weights: NDArray[np.float32]) -> Row:
    """Cut an example into inputs and what they are to predict; weights and roles move with the
    targets.
    """
    return Row(tokens.ids[:-1], tokens.ids[1:], tokens.roles[1:], weights[1:])


def plan(lengths: Sequence[int], batch: int, epochs: int, seed: int) -> list[list[int]]:
    """Which examples each optimiser step takes, in order.

    Each epoch is shuffled anew and cut into steps of about the same length, equal to within one
    example, so that no small last step has a loud gradient.

    Args:
        lengths: tokens of each example, or 1 each to cut by their number.
        batch: target length of a step.
        epochs: passes over the examples.
        seed: of the shuffling.

    Returns:
        Lists of example numbers, none empty.
    """
    steps: list[list[int]] = []
    total = sum(lengths)
    count = min(len(lengths), max(1, round(total / batch)))
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(lengths))
        ends = np.cumsum(np.asarray(lengths)[order])
        place = np.arange(1, count)
        cuts = np.searchsorted(ends, place * total / count, side="right")
        cuts = (
            np.maximum.accumulate(np.maximum(cuts, place) - place) + place
        )  # no step is left empty,
        cuts = np.minimum(cuts, len(lengths) - count + place)  # at the end neither
        steps += [part.tolist() for part in np.split(order, cuts)]
    return steps


def order_digest(steps: Sequence[Sequence[int]], ids: Sequence[str]) -> str:
    """Sixteen hex digits over the examples of every step in order: equal for arms that may be
    compared.
    """
    text = "\n".join(" ".join(ids[number] for number in step) for step in steps)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def split(lengths: Sequence[int], limit: int, padded: bool = True) -> list[list[int]]:
    """Cut rows into micro-batches of similar length.

    Args:
        lengths: tokens of each row.
        limit: most tokens of a micro-batch; a longer row stands alone.
        padded: whether the padding of all rows to the longest counts.

    Returns:
        Lists of row numbers, longest first; together they hold every row once.
    """
    order = sorted(range(len(lengths)), key=lambda number: (-lengths[number], number))
    parts: list[list[int]] = []
    taken = 0
    for number in order:
        first = lengths[parts[-1][0]] if parts and padded else lengths[number]
        if not parts or taken + first > limit:
            parts.append([])
            taken = 0
        parts[-1].append(number)
        taken += lengths[parts[-1][0]] if padded else lengths[number]
    return parts
