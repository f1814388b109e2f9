"""Trackers as mirrors of a sweep's files: a run knows nothing of them, and cannot be hurt by one.

A mirror is a function in `MIRRORS` that shows a tracker what it has not seen of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.config.registry import Registry
from harness.mirrors import mlflow, tensorboard, trackio, wandb
from harness.mirrors.reading import Trace

Show = Callable[[Trace, Path], None]
"""A run's news, and the folder where the tracker keeps what it keeps on this machine."""


class Mirror(NamedTuple):
    """A tracker.

    Attributes:
        show: tells it what is new of a run; may raise anything.
        extra: the extra of the package that it needs.
    """

    show: Show
    extra: str


MIRRORS: Registry[Mirror] = Registry("to")

MIRRORS.add("wandb", Mirror(wandb.show, "wandb"))
MIRRORS.add("mlflow", Mirror(mlflow.show, "mlflow"))
MIRRORS.add("tensorboard", Mirror(tensorboard.show, "tensorboard"))
MIRRORS.add("trackio", Mirror(trackio.show, "trackio"))
