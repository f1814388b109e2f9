"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on a model of transformers: peft."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
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


def put_on(model: OwnModel, folder: Path) -> None:
    """Put the adapters that a run kept on a model that has none.

    Raises:
        ModelError: peft is missing, or they cannot be read or are another model's.
    """
    need_peft()
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft and transformers deprecate of each other
        try:
            model.adapters = PeftModel.from_pretrained(model.theirs, str(folder))
        except Exception as error:  # the library raises what it likes
            reason = (str(error).strip().splitlines() or [""])[0]
            raise ModelError(
                f"{folder}: no adapters of {model.path} ({type(error).__name__}: {reason})"
            ) from None
    model.theirs.eval()


def merge(model: OwnModel) -> None:
    """Add a model's adapters, where it has any, to its weights."""
    if model.adapters is not None:
        model.theirs = model.adapters.merge_and_unload()
        model.adapters = None


def release(model: OwnModel) -> None:
    """Take a model's adapters off."""
    if model.adapters is not None:
        model.adapters.unload()
        model.adapters = None
