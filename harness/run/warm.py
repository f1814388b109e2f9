"""What a worker keeps from one run to the next, since it is equal for many."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from harness.config.models import Own
from harness.config.schema import Lora, Run
from harness.data.held_out import HeldOuts
from harness.models import weights as checkpoint
from harness.models.adapters import adapt
from harness.models.base import LanguageModel
from harness.models.gpt import GPT, Shape
from harness.models.own import OwnModel
from harness.models.own_loading import load_own
from harness.run.origin import shape, weights_digest, weights_files
from harness.train.evaluate import Evaluation


@dataclass(slots=True)
class Base:
    """Initial weights.

    Attributes:
        tensors: by parameter name, on the CPU; never written to.
        digest: sixteen hex digits over them.
    """

    tensors: Mapping[str, Tensor]
    digest: str


@dataclass(slots=True)
class Owned:
    """A model of transformers, which is trained in place.

    Attributes:
        model: the model.
        base: what is trained of it, as it was before.
        adapted: the adapters that it has, and the seed of their first weights.
    """

    model: OwnModel
    base: Base
    adapted: tuple[Lora, int] | None = None


@dataclass(slots=True)
class Warm:
    """The caches of one worker, which owns them; a test makes its own.

    Attributes:
        bases: weights file, or the seed of random ones, and sizes -> initial weights; the last two.
        own: the last model of transformers, by its weights, path and context.
        losses: base and test set -> the base's loss, equal for all runs of both.
        held_out: the last held-out sets.
    """

    bases: dict[tuple[Path | int, Shape], Base] = field(default_factory=dict)
    own: dict[tuple[object, ...], Owned] = field(default_factory=dict)
    losses: dict[tuple[object, ...], Evaluation] = field(default_factory=dict)
    held_out: HeldOuts = field(default_factory=HeldOuts)

    def base(self, run: Run) -> Base:
        """A run's initial weights.

        Raises:
            CheckpointError, ModelError: there are none that fit.
        """
        if isinstance(run.model, Own):
            return self._owned(run.model, run).base
        files, sizes = weights_files(run), shape(run.model)
        source = files[0] if files else run.seed
        if (source, sizes) not in self.bases:
            while len(self.bases) > 1:
                self.bases.pop(next(iter(self.bases)))
            self.bases[source, sizes] = _load(source, sizes)
        return self.bases[source, sizes]

    def model(self, run: Run) -> LanguageModel:
        """A lone model with a run's initial weights.

        One of ours is new and on the CPU. One of transformers is the worker's only one, wherever
        it lies.
        """
        model: LanguageModel
        if isinstance(run.model, Own):
            model = self._owned(run.model, run).model
        else:
            model = GPT(shape(run.model))
        model.put(0, self.base(run).tensors)
        return model

    def _owned(self, model: Own, run: Run) -> Owned:
        """The model of transformers, with new adapters where another run's are on it."""
        lora = run.train.lora if run.train.adapter == "lora" else None
        known = (weights_digest(run), model.path, model.context, lora is None)
        if known not in self.own:
            self.own.clear()  # its memory is free before the next one takes its own
            loaded = load_own(model.path, model.context)
            self.own[known] = Owned(loaded, Base({}, "") if lora else _base_of(loaded, known[0]))
        owned = self.own[known]
        if lora and owned.adapted != (lora, run.seed):
            adapt(owned.model, lora, run.seed)
            owned.adapted = (lora, run.seed)
            owned.base = _base_of(owned.model, known[0])
        return owned


def _base_of(model: OwnModel, weights: str) -> Base:
    """What is trained of a model, as it is now; `weights` tells the files that it was read from."""
    copies = {name: tensor.cpu().clone() for name, tensor in model.of_run(0).items()}
    if model.adapters is None:
        return Base(copies, weights)
    both = f"{weights} {checkpoint.digest(model)}"
    return Base(copies, hashlib.sha256(both.encode()).hexdigest()[:16])


def _load(source: Path | int, sizes: Shape) -> Base:
    if isinstance(source, Path):
        model = checkpoint.load(source, sizes)
    else:
        model = GPT(sizes)
        model.initialise(source)
    return Base(model.of_run(0), checkpoint.digest(model))
