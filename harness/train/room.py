"""Few sizes of a stack's batches, so that few CUDA graphs serve all of its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.train.batch import ALIGNMENT, Room, aligned
from harness.train.steps import Course, Step

LEVELS = 4
"""Sizes between nothing and the largest step."""


def largest(courses: Sequence[Course]) -> Room:
    """What holds any step of these runs together, each step being a single micro-batch."""
    steps = [step for course in courses for step in course.steps]
    tokens = aligned(max(step.tokens for step in steps))
    places = max(step.weighted for step in steps)
    longest = max(int(course.rows.lengths.max()) for course in courses)
    real = sum(max(map(_rows, course.steps)) for course in courses)
    filler = len(courses) * (tokens // longest + 1)
    return Room(tokens, places, real + filler, longest)


def fitting(most: Room, steps: Sequence[Step]) -> Room:
    """The least of the sizes that holds this step of each run.

    Attention costs nothing for rows without tokens, so that their number stays.
    """
    tokens = _level(aligned(max(step.tokens for step in steps)), most.tokens)
    places = _level(max(step.weighted for step in steps), most.places)
    return most._replace(tokens=tokens, places=places)


def _rows(step: Step) -> int:
    return max(last - first for first, last, _, _ in step.parts)


def _level(size: int, most: int) -> int:
    share = math.ceil(LEVELS * size / most) / LEVELS
    return math.ceil(share * most / ALIGNMENT) * ALIGNMENT
