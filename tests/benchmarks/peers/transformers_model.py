"""What the peers built on transformers share: the model, the settings of a Trainer, the answers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks.peers.measure import autocast
from tests.benchmarks.peers.work import Work

ASKED = 128
"""Prompts that are answered together."""


def settings(work: Work, given: argparse.Namespace, folder: str) -> dict[str, Any]:
    """The work's recipe as keywords of `TrainingArguments`; all else stays as it is there."""
    recipe = work.recipe
    return {
        "output_dir": folder,
        "per_device_train_batch_size": recipe.batch,
        "num_train_epochs": work.epochs,
        "learning_rate": recipe.lr,
        "lr_scheduler_type": "linear",
        "warmup_steps": recipe.warmup,  # below 1 it is a share
        "weight_decay": recipe.weight_decay,
        "adam_beta1": recipe.beta1,
        "adam_beta2": recipe.beta2,
        "max_grad_norm": recipe.clip,
        "bf16": given.precision == "bf16",
        "use_cpu": given.device == "cpu",
        "seed": work.seed,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
    }


class Counted:
    """A collator that counts the places of the grids it lays out, padding included."""

    def __init__(self, collate: Callable[[Any], Any]) -> None:
        self.collate = collate
        self.places = 0

    def __call__(self, examples: Any) -> Any:
        batch = self.collate(examples)
        self.places += batch["input_ids"].numel()
        return batch


def padding(counted: Counted, work: Work) -> int:
    """Places that held no token of an example."""
    return counted.places - work.epochs * sum(len(item.ids) for item in work.train)


def answer(
    model: Any, prompts: Sequence[list[int]], end: int, limit: int, precision: str, least: int = 0
) -> int:
    """Answer prompts greedily with `generate`, padded on the left; the number of tokens.

    Args:
        model: on its device.
        prompts: token ids.
        end: ends an answer; not counted.
        limit: longest answer.
        precision: "fp32" or "bf16".
        least: shortest answer.
    """
    import torch

    device = str(model.device)
    count = 0
    for first in range(0, len(prompts), ASKED):
        part = prompts[first : first + ASKED]
        length = max(map(len, part))
        ids = torch.tensor([[end] * (length - len(p)) + p for p in part], device=device)
        mask = torch.tensor([[0] * (length - len(p)) + [1] * len(p) for p in part], device=device)
        with torch.no_grad(), autocast(device, precision):
            found = model.generate(
                ids, attention_mask=mask, do_sample=False, max_new_tokens=limit,
                min_new_tokens=least, eos_token_id=end, pad_token_id=end, use_cache=True,
            )  # fmt: skip
        count += int((found[:, length:] != end).sum())
    return count
