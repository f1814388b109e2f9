"""Which device and number type a computation uses."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def resolve(device: str) -> torch.device:
    """The device that "auto", "cpu", "cuda" or "cuda:N" names here.

    Raises:
        ValueError: that GPU is not present; one line.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device={device}: no such GPU, {torch.cuda.device_count()} present")
    return chosen


def precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    """The autocast context of "fp32" (none) or "bf16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16")
