"""Learn our byte-level BPE on text shards and write it as a tiktoken ranks file.

    harness bpe --out bpe8k.tiktoken SHARD [SHARD ...]

Shards are .txt or .txt.xz. The counting and merging is that of the package `tokenizers`, which the
extra `pretrain` brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("shards", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)

    from harness.bases.bpe import train, write_ranks
    from harness.data.byte_pairs import BPE8K_SIZE

    tokens = train(given.shards, BPE8K_SIZE - 1)  # the last id is <|endoftext|>
    write_ranks(tokens, given.out)
    print(f"{given.out}: {len(tokens)} ranks")
    return 0
