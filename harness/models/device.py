"""Which device and number type a computation uses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

import torch

Answer = TypeVar("Answer")

PEAK_BF16 = {"H200": 989e12, "H100": 989e12, "A100": 312e12}
"""Dense bf16 operations per second by the makers' data sheets, by a part of the GPU's name."""


class DeviceError(ValueError):
    """A device is not present: one line."""


def resolve(device: str) -> torch.device:
    """The device that "auto", "cpu", "cuda" or "cuda:N" names here.

    Raises:
        DeviceError: that GPU is not present; one line.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device={device}: no such GPU, {torch.cuda.device_count()} present")
    if chosen.type == "cuda":
        # cuDNN's attention makes a plan for every new shape; here nearly every batch has one.
        torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    return chosen


def begin() -> None:
    """Do now what would else come with the first work on a GPU: context, libraries, imports."""
    import torch.nn.attention.varlen

    if has_triton():
        import triton  # noqa: F401  # for what it does then
    square = torch.ones(16, 16, device="cuda", dtype=torch.bfloat16)
    torch.mm(square, square)
    torch.cuda.synchronize()


@cache
def has_triton() -> bool:
    """Whether our own kernels can be compiled for a GPU: PyTorch brings Triton on Linux alone."""
    return find_spec("triton") is not None


def peak(device: torch.device) -> float | None:
    """Dense bf16 operations per second that the GPU could do; None for a CPU or a GPU that is not
    listed.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((rate for part, rate in PEAK_BF16.items() if part in name), None)


def precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    """The autocast context of "fp32" (none) or "bf16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16")


def within_memory(compute: Callable[[int], Answer], limit: int, least: int) -> tuple[Answer, int]:
    """Call `compute(limit)`, with half the limit as often as the GPU's memory does not suffice.

    Args:
        compute: what needs memory in proportion to its limit; must leave nothing behind when it
            raises.
        limit: tokens that pass through the model at once.
        least: tokens below which a smaller limit changes nothing: those of the longest row.

    Returns:
        The answer, and the limit under which it was had.

    Raises:
        torch.OutOfMemoryError: the memory does not suffice for a single row.
    """
    while True:
        try:
            return compute(limit), limit
        except torch.OutOfMemoryError:
            if limit <= least:
                raise
        # Outside the handler, where the error's frames no longer hold the tensors of the try.
        limit //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
