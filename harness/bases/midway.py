"""The checkpoint of a pretraining, from which the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from harness.models.gpt import GPT

CHECKPOINT = "checkpoint.pt"
STEPS = "steps.jsonl"


def save(
    out: Path, model: GPT, optimisers: Sequence[torch.optim.Optimizer], step: int, seconds: float
) -> None:
    """Write the checkpoint, atomically.

    Raises:
        OSError: the disk is full.
    """
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimisers],
        "step": step,
        "seconds": seconds,
    }
    partial = out / f".{CHECKPOINT}.partial"
    try:
        torch.save(state, partial)
    except RuntimeError as error:  # which torch raises where the disk is full
        raise OSError(f"{partial}: cannot be written ({str(error).splitlines()[0]})") from None
    partial.replace(out / CHECKPOINT)


def resume(
    out: Path, model: GPT, optimisers: Sequence[torch.optim.Optimizer], device: torch.device
) -> tuple[int, float]:
    """Steps done and seconds spent so far; what the log holds beyond the checkpoint is cut off.

    Raises:
        ValueError: the checkpoint is damaged, or of another model. Hours may lie in it, so that
            nothing is begun anew before the user has seen to it.
    """
    path, log = out / CHECKPOINT, out / STEPS
    if not path.is_file():
        log.unlink(missing_ok=True)
        return 0, 0.0
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, stored in zip(optimisers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        step, seconds = int(state["step"]), float(state["seconds"])
        lines = log.read_text("utf-8").splitlines()
        kept = [line for line in lines if json.loads(line)["step"] <= step]
    except MemoryError:
        raise
    except Exception as error:  # a damaged file may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path}: cannot be gone on from ({reason}); remove it to start anew"
        ) from None
    log.write_text("".join(line + "\n" for line in kept), "utf-8")
    return step, seconds
