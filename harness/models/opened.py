"""A model with its tokenizer, to look at or to ask: a base, or what a run made of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness.config.models import Model, Own
from harness.data.byte_pairs import gpt_tokenizer
from harness.data.own_files import CONFIG as OWN_CONFIG
from harness.data.own_files import find_own
from harness.data.tokens import Tokenizer, tokenizer_of
from harness.models.adapters import put_on
from harness.models.base import LanguageModel
from harness.models.gpt import Shape
from harness.models.own_loading import hold_own, load_own, own_shape
from harness.models.stored import CheckpointError, hold_tokenizer
from harness.models.weights import find, load
from harness.records import ADAPTER


class Opened(NamedTuple):
    """A model that can be asked something.

    Attributes:
        model: in fp32, on the CPU.
        tokenizer: its tokenizer.
        files: what its weights were read from, and its adapters.
        parameters: how many it has, tied ones counted once, adapters aside.
    """

    model: LanguageModel
    tokenizer: Tokenizer
    files: list[Path]
    parameters: int


def open_base(base: Model | Own, run: str = "") -> Opened:
    """A base, with the weights or adapters of a run's folder where one is named.

    Raises:
        CheckpointError, ModelError: weights are missing or do not fit.
        OSError: the tokenizer's ranks are not to be had.
    """
    if isinstance(base, Own):
        return _own(base, run)
    tokenizer = gpt_tokenizer(base)  # GPT-2's ranks lie beside the base's weights, not a run's
    shape = Shape(
        layers=base.layers,
        width=base.width,
        heads=base.heads,
        vocabulary=tokenizer.size,
        context=base.context,
    )
    weights = run or base.weights
    if weights == "random":
        raise CheckpointError(
            f"model.weights=random: {base.name} has no weights, "
            "expected shipped, a folder or a file"
        )
    path = find(weights, base.name)
    model = load(path, shape)
    hold_tokenizer(path, tokenizer)
    return Opened(model, tokenizer, [path], shape.parameters)


def _own(base: Own, run: str) -> Opened:
    """A model of transformers; a run keeps either adapters or all of it, its tokenizer too."""
    adapters = bool(run) and (Path(run) / ADAPTER).is_file()
    if run and not adapters:
        base = replace(base, path=run)
    hold_own(base)
    model = load_own(base.path, base.context)
    files = [path for path in find_own(base.path).weights if path.name != OWN_CONFIG]
    if adapters:
        put_on(model, Path(run))
        files.append(Path(run) / ADAPTER)
    return Opened(model, tokenizer_of(base), files, own_shape(base.path).parameters)
