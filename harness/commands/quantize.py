"""Store a base's weights as int8 with a scale a row, gzipped: a quarter of fp32's size.

    harness quantize bases/mini/model.safetensors mini.safetensors.gz

What it writes is read wherever weights are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args(arguments)

    from harness.models.quantize import quantize_file

    before, after = quantize_file(given.weights, given.out)
    print(f"{given.out}: {after / 1e6:.1f} MB, from {before / 1e6:.1f} MB")
    return 0
