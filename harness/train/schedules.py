"""Learning-rate schedules: linear warm-up, then a decay by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.config.registry import Registry

Decay = Callable[[float], float]
"""From the share of the steps after warm-up that are past, in [0, 1), to a factor on the peak."""

DECAYS: Registry[Decay] = Registry("train.decay")


@DECAYS.register("linear")
def linear(past: float) -> float:
    """From 1 straight to 0."""
    return 1 - past


@DECAYS.register("cosine")
def cosine(past: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * past)) / 2


@DECAYS.register("constant")
def constant(past: float) -> float:
    """1 throughout."""
    return 1.0


def learning_rate(step: int, steps: int, peak: float, warmup: float, decay: str) -> float:
    """The rate at `step` (from 0) of `steps`.

    It rises linearly over the share `warmup` of the steps, then decays towards 0.
    """
    rising = warmup * steps
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    past = (step - rising) / max(1.0, steps - rising)
    return peak * DECAYS.get(decay)(past)
