"""What a run does in each optimiser step, laid out before the first one.

Everything here is known from lengths, weights and seed, so that no step waits for the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.config.schema import Mask, Train
from harness.data.rows import Row, split
from harness.records.roles import ROLES, SAID_IDS
from harness.train.batch import Flat
from harness.train.normalisers import NORMALISERS
from harness.train.schedules import learning_rate, prompt_scale


class Step(NamedTuple):
    """One optimiser step of one run.

    Attributes:
        parts: its micro-batches, (first row, past its last, first token, past its last) each.
        denominator: what Σ w·nll is divided by, once.
        lr: the learning rate.
        prompt_scale: the factor on the prompt's weights.
        seen: examples that the run has seen after it.
        tokens: targets.
        weighted: targets with weight.
        weight: Σ w.
        grid: grid places of its rows, padding counted.
    """

    parts: list[tuple[int, int, int, int]]
    denominator: float
    lr: float
    prompt_scale: float
    seen: int
    tokens: int
    weighted: int
    weight: float
    grid: int


class Course(NamedTuple):
    """A run's training from the first step to the last.

    Attributes:
        rows: all rows of all steps, end to end, in the order in which the model sees them, with
            the weights that enter the loss.
        steps: the steps.
        mass: float64 [steps, roles], Σ w of each step by role.
        examples: training examples.
    """

    rows: Flat
    steps: list[Step]
    mass: NDArray[np.float64]
    examples: int

    def part(self, step: int, number: int) -> Flat | None:
        """A micro-batch of a step; None past the last."""
        parts = self.steps[step].parts
        if number >= len(parts):
            return None
        first, last, begin, end = parts[number]
        flat = self.rows
        return Flat(
            flat.inputs[begin:end],
            flat.targets[begin:end],
            flat.roles[begin:end],
            flat.weights[begin:end],
            flat.lengths[first:last],
        )


def course(
    rows: Sequence[Row],
    cuts: Sequence[Sequence[NDArray[np.int64]]],
    train: Train,
    mask: Mask,
    peak: float,
) -> Course:
    """Lay out a run's training.

    Args:
        rows: the training examples, shifted, with their mask's weights.
        cuts: of each step the micro-batches, each the numbers of its rows, the longest first.
        train: schedule and normaliser.
        mask: gives the schedule of the prompt's weights.
        peak: peak learning rate.
    """
    lengths = np.array([len(row.inputs) for row in rows])
    order = np.concatenate([example for parts in cuts for example in parts])
    laid = _gather(rows, lengths, order)
    is_answer = np.isin(laid.roles, SAID_IDS)
    ends = np.concatenate([[0], np.cumsum(laid.lengths)])
    weights = laid.weights.copy()
    steps: list[Step] = []
    mass = np.zeros((len(cuts), len(ROLES)))
    first = 0
    for number, parts in enumerate(cuts):
        past = first + sum(map(len, parts))
        span = slice(ends[first], ends[past])
        own, answer = weights[span], is_answer[span]
        scale = prompt_scale(number, len(cuts), mask.schedule)
        if scale != 1.0:
            own[~answer] *= np.asarray(scale, own.dtype)
        denominator = _normalise(own, answer, laid.lengths[first:past], train.normalize)
        exact = own.astype(np.float64)
        mass[number] = np.bincount(laid.roles[span], exact, minlength=len(ROLES))
        steps.append(
            Step(
                parts=spans_of(parts, first, ends),
                denominator=denominator,
                lr=learning_rate(number, len(cuts), peak, train.warmup, train.decay),
                prompt_scale=scale,
                seen=past,
                tokens=len(own),
                weighted=int((own > 0).sum()),
                weight=float(exact.sum()),
                grid=sum(len(part) * int(lengths[part[0]]) for part in parts),
            )
        )
        first = past
    return Course(laid._replace(weights=weights), steps, mass, len(rows))


def _normalise(
    weights: NDArray[np.float32],
    is_answer: NDArray[np.bool_],
    lengths: NDArray[np.int64],
    normaliser: str,
) -> float:
    """Divide a step's weights, in place, as its normaliser asks; returns what its sum is divided
    by.

    Args:
        weights: [N], of the examples of a step end to end.
        is_answer: [N].
        lengths: [examples].
        normaliser: its name.
    """
    begins = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(weights.astype(np.float64), begins)
    answers = np.add.reduceat(is_answer.astype(np.int64), begins)
    divisors, denominator = NORMALISERS.get(normaliser)(sums, answers)
    if divisors is not None:
        weights /= np.repeat(divisors, lengths).astype(weights.dtype)
    return denominator


def cut(
    rows: Sequence[Row], plan: Sequence[Sequence[int]], micro_tokens: int, padded: bool = True
) -> list[list[NDArray[np.int64]]]:
    """Each step's examples as micro-batches of rows of like length.

    Args:
        rows: the training examples.
        plan: example numbers of each step, from `rows.plan`.
        micro_tokens: most tokens of a micro-batch.
        padded: whether padding counts.
    """
    lengths = np.array([len(row.inputs) for row in rows])
    cuts = []
    for examples in plan:
        numbers = np.asarray(examples)
        parts = split(lengths[numbers].tolist(), micro_tokens, padded)
        cuts.append([numbers[part] for part in parts])
    return cuts


def _gather(rows: Sequence[Row], lengths: NDArray[np.int64], order: NDArray[np.int64]) -> Flat:
    """The rows that `order` names, end to end."""
    places = places_of(lengths, order)
    return Flat(
        np.concatenate([row.inputs for row in rows])[places],
        np.concatenate([row.targets for row in rows])[places],
        np.concatenate([row.roles for row in rows])[places],
        np.concatenate([row.weights for row in rows])[places],
        lengths[order],
    )


def places_of(lengths: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the tokens of the rows that `order` names lie, among those of rows of these lengths."""
    starts = np.cumsum(lengths) - lengths
    own = lengths[order]
    begins = np.cumsum(own) - own
    places: NDArray[np.int64] = np.arange(own.sum()) - np.repeat(begins - starts[order], own)
    return places


def spans_of(
    parts: Sequence[Sequence[int] | NDArray[np.int64]], first: int, ends: NDArray[np.int64]
) -> list[tuple[int, int, int, int]]:
    """`Step.parts` of micro-batches that lie one after another from row `first` on.

    Args:
        parts: the rows of each; only their number matters.
        first: number of the first row.
        ends: where each row begins, and where the last one ends.
    """
    spans = []
    for part in parts:
        past = first + len(part)
        spans.append((first, past, int(ends[first]), int(ends[past])))
        first = past
    return spans
