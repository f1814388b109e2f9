"""What a run keeps of its model, where it was told to."""

from __future__ import annotations

import torch

from harness.data.tokens import tokenizer_of
from harness.models import weights
from harness.models.base import LanguageModel
from harness.models.gpt import GPT
from harness.models.own import OwnModel
from harness.records import WEIGHTS
from harness.run.identity import Cell


def keep_weights(model: LanguageModel, run: int, cell: Cell) -> None:
    """Write one run's trained weights into its folder, in fp32: in our format, or in that of
    transformers with the model's config.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    if isinstance(model, OwnModel):
        model.save(cell.folder)
        return
    assert isinstance(model, GPT)
    about = {"tokenizer": tokenizer_of(cell.run.model).digest, "heads": model.shape.heads}
    weights.save(model.of_run(run), cell.folder / WEIGHTS, torch.float32, about)
