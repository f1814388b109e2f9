"""What a run starts from: the sizes of its model, and the files of its weights."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from harness.config.models import Model, Own
from harness.config.schema import Run
from harness.data.byte_pairs import gpt_tokenizer
from harness.data.own_files import find_own
from harness.data.tokens import tokenizer_of
from harness.models.adapters import need_peft
from harness.models.base import Sizes
from harness.models.gpt import Shape
from harness.models.own_loading import hold_own, own_shape
from harness.models.stored import hold_tokenizer
from harness.models.weights import find, verify


@cache
def file_digest(path: Path, _size: int, _changed: int) -> str:
    """Sixteen hex digits of a file's bytes; size and time of change keep the cached answer true."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def weights_files(run: Run) -> list[Path]:
    """The files that a run's initial weights are read from; none for random ones.

    Raises:
        CheckpointError, ModelError: there are none that can be read.
    """
    if isinstance(run.model, Own):
        return find_own(run.model.path).weights
    if run.model.weights == "random":
        return []
    return [find(run.model.weights, run.model.name)]


def weights_digest(run: Run) -> str:
    """What the initial weights are: the files' hash, or the seed of random ones.

    Raises:
        CheckpointError, ModelError: as `weights_files`.
    """
    paths = weights_files(run)
    states = [(path, path.stat()) for path in paths]
    digests = [file_digest(path, state.st_size, state.st_mtime_ns) for path, state in states]
    if not digests:
        return f"random-{run.seed}"
    return (
        digests[0]
        if len(digests) == 1
        else hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]
    )


def sizes(run: Run) -> Sizes:
    """The sizes of a run's model.

    Raises:
        ModelError: the model is not to be had.
    """
    return own_shape(run.model.path) if isinstance(run.model, Own) else shape(run.model)


def shape(model: Model) -> Shape:
    """The sizes of a GPT of ours."""
    return Shape(
        layers=model.layers,
        width=model.width,
        heads=model.heads,
        vocabulary=tokenizer_of(model).size,
        context=model.context,
    )


def verify_model(run: Run) -> None:
    """Raise what loading a run's model would, as far as can be told without all of its weights.

    Raises:
        CheckpointError, ModelError: it cannot be read, or does not fit.
    """
    if not isinstance(run.model, Own):
        for path in weights_files(run):
            verify(path, shape(run.model))
            hold_tokenizer(path, gpt_tokenizer(run.model))
        return
    if run.train.adapter == "lora":
        need_peft()
    hold_own(run.model)
