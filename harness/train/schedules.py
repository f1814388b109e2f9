"""What changes over a training: the learning rate, and the weights of the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.config.registry import Registry

Decay = Callable[[float], float]
"""From the share of the steps after warm-up that are past, in [0, 1), to a factor on the peak."""

DECAYS: Registry[Decay] = Registry("train.decay")

Schedule = Callable[[float], float]
"""From the share of the training that is past, 0 at the first step and 1 at the last, to a factor
on the prompt's weights.
"""

SCHEDULES: Registry[Schedule] = Registry("mask.schedule")


@DECAYS.register("linear")
def linear(past: float) -> float:
    """From 1 straight to 0."""
    return 1 - past


@DECAYS.register("cosine")
def cosine(past: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * past)) / 2


@SCHEDULES.register("constant")
@DECAYS.register("constant")
def constant(past: float) -> float:
    """1 throughout."""
    return 1.0


@SCHEDULES.register("falling")
def falling(past: float) -> float:
    """From the whole straight to nothing."""
    return 1 - past


def learning_rate(step: int, steps: int, peak: float, warmup: float, decay: str) -> float:
    """The rate at `step` (from 0) of `steps`.

    It rises linearly over the share `warmup` of the steps, then decays towards 0.
    """
    rising = warmup * steps
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    past = (step - rising) / max(1.0, steps - rising)
    return peak * DECAYS.get(decay)(past)


def prompt_scale(step: int, steps: int, schedule: str) -> float:
    """The factor on the prompt's weights at `step` (from 0) of `steps`."""
    return SCHEDULES.get(schedule)(step / (steps - 1) if steps > 1 else 0.0)
