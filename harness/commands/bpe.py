"""Learn our byte-level BPE on text shards and write it as a tiktoken ranks file.

    harness bpe out=bpe8k.tiktoken SHARD [SHARD ...]

Shards are .txt or .txt.xz. The counting and merging is that of the package `tokenizers`, which the
extra `pretrain` brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser
from harness.config.command_line import apart
from harness.config.validate import ConfigError


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    own, rest = apart(arguments, ("out",))
    if not own.get("out"):
        raise ConfigError(["out: missing, expected out=FILE"])
    parser = Parser()
    parser.add_argument("shards", nargs="+", type=Path)
    shards, out = parser.parse_args(rest).shards, Path(own["out"])

    from harness.bases.bpe import train, write_ranks
    from harness.data.byte_pairs import BPE8K_SIZE

    tokens = train(shards, BPE8K_SIZE - 1)  # the last id is <|endoftext|>
    write_ranks(tokens, out)
    print(f"{out}: {len(tokens):,} ranks")
    return 0
