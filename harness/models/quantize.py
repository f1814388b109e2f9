"""Weights as int8 with a scale per output channel, for bases that would weigh too much in bf16.

    python -m harness.models.quantize bases/mini/model.safetensors harness/assets/mini.safetensors.gz

Every matrix row is stored as int8 with an fp32 scale, max|w| / 127 (symmetric, round to nearest;
Jacob et al. 2018, arXiv 1712.05877, section 2.1); vectors stay bf16. The file is gzipped
safetensors: int8 codes of near-normal weights hold some 7.3 bits, and bytes count in a checkout.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

SCALE = ".scale"


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.models.quantize", description=__doc__)
    parser.add_argument("weights", type=Path, help="a .safetensors file in this package's layout")
    parser.add_argument("out", type=Path, help="the .safetensors.gz file to write")
    arguments = parser.parse_args()
    try:
        tensors = load_file(arguments.weights)
        with safe_open(arguments.weights, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        sys.exit(f"harness.quantize: {arguments.weights}: cannot be read as safetensors ({error})")
    content = gzip.compress(
        save(quantize(tensors), metadata), mtime=0
    )  # no time, so that bytes repeat
    arguments.out.write_bytes(content)
    print(
        f"{arguments.out}: {len(content) / 1e6:.1f} MB, from {arguments.weights.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
