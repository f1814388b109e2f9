"""Which rows of each optimiser step which rank trains on: a pure plan over a run's steps."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from harness.data.rows import split
from harness.train.batch import Flat
from harness.train.steps import Course, places_of, spans_of


def share(whole: Course, rank: int, size: int, micro_tokens: int, padded: bool = True) -> Course:
    """One rank's part of a run's training.

    Divisors, rates and counts stay those of the whole step, so that the sums of all ranks are the
    step's. A rank without a row in a step takes the step's shortest one with no weight at all:
    every rank must take part in every sum of gradients.

    Args:
        whole: all steps.
        rank: which rank, from 0.
        size: how many there are.
        micro_tokens: most tokens of a rank's micro-batch.
        padded: whether padding counts.
    """
    lengths = whole.rows.lengths
    cuts: list[list[NDArray[np.int64]]] = []
    idle: list[bool] = []
    grids: list[int] = []
    for step in whole.steps:
        first, past = step.parts[0][0], step.parts[-1][1]
        every = []
        for rows in deal(lengths[first:past], size):
            own = split(lengths[first + rows].tolist(), micro_tokens, padded)
            every.append([first + rows[part] for part in own])
        grids.append(sum(len(part) * int(lengths[part[0]]) for parts in every for part in parts))
        idle.append(not every[rank])
        cuts.append(every[rank] or [np.array([first + lengths[first:past].argmin()])])
    order = np.concatenate([part for parts in cuts for part in parts])
    laid = _taken(whole.rows, order)
    ends = np.concatenate([[0], np.cumsum(laid.lengths)])
    steps = []
    row = 0
    for step, parts, nothing, grid in zip(whole.steps, cuts, idle, grids, strict=True):
        spans = spans_of(parts, row, ends)
        if nothing:
            laid.weights[spans[0][2] : spans[0][3]] = 0.0
        steps.append(step._replace(parts=spans, grid=grid))
        row += sum(map(len, parts))
    return whole._replace(rows=laid, steps=steps)


def deal(lengths: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Rows to ranks, the longest first, each to the rank with the fewest tokens so far.

    Returns:
        The numbers of each rank's rows; none where there are fewer rows than ranks.
    """
    hands: list[list[int]] = [[] for _ in range(size)]
    loads = [(0, rank) for rank in range(size)]
    for number in np.argsort(-lengths, kind="stable").tolist():
        load, rank = heapq.heappop(loads)
        hands[rank].append(number)
        heapq.heappush(loads, (load + int(lengths[number]), rank))
    return [np.array(hand, np.int64) for hand in hands]


def _taken(rows: Flat, order: NDArray[np.int64]) -> Flat:
    """The rows that `order` names, end to end; a copy."""
    places = places_of(rows.lengths, order)
    return Flat(
        rows.inputs[places],
        rows.targets[places],
        rows.roles[places],
        rows.weights[places],
        rows.lengths[order],
    )
