"""Normalisers: what a step's Σ w·nll is divided by, once, whatever its micro-batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.config.registry import Registry

Normaliser = Callable[
    [NDArray[np.float64], NDArray[np.int64]], tuple[NDArray[np.float64] | None, float]
]
"""From Σ w and the number of response and end targets of each row of a step, [rows] both, to what
each row's weights are divided by (None for nothing) and the step's denominator.
"""

NORMALISERS: Registry[Normaliser] = Registry("train.normalize")


@NORMALISERS.register("joint")
def joint(sums: NDArray[np.float64], answers: NDArray[np.int64]) -> tuple[None, float]:
    """Σ w·nll / Σ w: every weighted token counts the same (the field's default)."""
    return None, sum(sums.tolist()) or 1.0


@NORMALISERS.register("response")
def response(sums: NDArray[np.float64], answers: NDArray[np.int64]) -> tuple[None, float]:
    """Σ w·nll / n, n the response and end targets.

    A response token weighs 1/n however much of the prompt is in the loss.
    """
    return None, float(answers.sum() or 1)


@NORMALISERS.register("example")
def example(
    sums: NDArray[np.float64], answers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """The mean over examples with any weight of each example's Σ w·nll / Σ w."""
    return np.where(sums > 0, sums, 1.0), float((sums > 0).sum() or 1)
