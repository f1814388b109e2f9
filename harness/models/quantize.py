"""Weights as int8 with a scale per output channel, for bases that would weigh too much in bf16.

Every matrix row is stored as int8 with an fp32 scale, max|w| / 127 (symmetric, round to nearest;
Jacob et al. 2018, arXiv 1712.05877, section 2.1); vectors stay bf16. The file is gzipped
safetensors: int8 codes of near-normal weights hold some 7.3 bits, and bytes count in a checkout.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

SCALE = ".scale"
FIRST = "tokens.weight"
"""A tensor of every GPT of ours and of no model of transformers."""


def quantize(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each matrix [rows, columns] as int8 beside its scales `name.scale`, fp32 [rows]; vectors as
    bf16.

    A row of zeros gets the scale 0.
    """
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            out[name] = tensor.bfloat16()
            continue
        scale = tensor.float().abs().amax(1) / 127
        codes = tensor.float() / scale.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
        out[name] = codes.round().to(torch.int8)
        out[name + SCALE] = scale
    return out


def dequantize(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse, in fp32 for matrices; tensors that are not int8 pass through."""
    return {
        name: tensor.float() * tensors[name + SCALE][:, None]
        if tensor.dtype == torch.int8
        else tensor
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def quantize_file(weights: Path, out: Path) -> tuple[int, int]:
    """Write a file of weights as int8; returns the bytes of the one and of the other.

    Args:
        weights: a .safetensors file in this package's layout.
        out: the .safetensors.gz file to write.

    Raises:
        ValueError: the weights cannot be read, are no floats, not finite or another model's: one
            line with the file.
        OSError: `out` cannot be written.
    """
    try:
        tensors = load_file(weights)
        with safe_open(weights, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{weights}: cannot be read as safetensors ({error})") from None
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise ValueError(f"{weights}: {name} is {tensor.dtype}, expected floats")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{weights}: {name} holds NaN or infinity, expected finite weights")
    if FIRST not in tensors:
        raise ValueError(f"{weights}: no tensor {FIRST}, expected the weights of a GPT of ours")
    # No time in the gzip's head, so that bytes repeat.
    content = gzip.compress(save(quantize(tensors), metadata), mtime=0)
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return weights.stat().st_size, len(content)
