"""What a worker keeps from one run to the next, since it is equal for many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from harness.config.schema import Run
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Shape
from harness.run.identity import shape
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
class Warm:
    """The caches of one worker, which owns them; a test makes its own.

    Attributes:
        bases: weights file, or the seed of random ones, and sizes -> initial weights; the last two.
        losses: base and test set -> the base's loss, equal for all runs of both.
    """

    bases: dict[tuple[Path | int, Shape], Base] = field(default_factory=dict)
    losses: dict[tuple[object, ...], Evaluation] = field(default_factory=dict)

    def base(self, run: Run) -> Base:
        """A run's initial weights.

        Raises:
            CheckpointError: there are none that fit.
        """
        sizes = shape(run)
        random = run.model.weights == "random"
        source = run.seed if random else checkpoint.find(run.model.weights, run.model.name)
        if (source, sizes) not in self.bases:
            while len(self.bases) > 1:
                self.bases.pop(next(iter(self.bases)))
            self.bases[source, sizes] = _load(source, sizes)
        return self.bases[source, sizes]

    def model(self, run: Run) -> GPT:
        """A lone model with a run's initial weights, on the CPU."""
        model = GPT(shape(run))
        model.put(0, self.base(run).tensors)
        return model


def _load(source: Path | int, sizes: Shape) -> Base:
    if isinstance(source, Path):
        model = checkpoint.load(source, sizes)
    else:
        model = GPT(sizes)
        model.initialise(source)
    return Base(model.of_run(0), checkpoint.digest(model))
