"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on a model of transformers: peft."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import torch

from harness.config.schema import Lora
from harness.data.own_files import ModelError
from harness.models.own import OwnModel


def need_peft() -> None:
    """Raise ModelError where peft is missing."""
    if find_spec("peft") is None:
        raise ModelError(
            "train.adapter=lora: the library peft is missing, expected "
            "pip install 'prompt-mask-harness[lora]'"
        )


def adapt(model: OwnModel, lora: Lora, seed: int) -> None:
    """Freeze a model and put adapters on it, in place of those that it has.

    Their products begin as 0, so that the model says at first what it said before.

    Args:
        model: trained in its adapters alone from then on.
        lora: which, and how large.
        seed: of their first weights.

    Raises:
        ModelError: peft is missing, or nothing of the model bears those names.
    """
    need_peft()
    from peft import LoraConfig, TaskType, get_peft_model

    release(model)
    target: Any = lora.target if isinstance(lora.target, str) else list(lora.target)
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules=target,
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft and transformers deprecate of each other
        torch.manual_seed(seed)
        try:
            model.adapters = get_peft_model(model.theirs, config)
        except ValueError as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            raise ModelError(f"train.lora.target={lora.target}: {reason}") from None
    model.theirs.eval()


def release(model: OwnModel) -> None:
    """Take a model's adapters off."""
    if model.adapters is not None:
        model.adapters.unload()
        model.adapters = None
