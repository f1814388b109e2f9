"""Train our byte-level BPE on text shards and write it as a tiktoken ranks file.

The counting and merging is `tokenizers`' (extra `pretrain`); the result is read by tiktoken alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from harness.bases.corpus import documents
from harness.data.byte_level import CHARACTERS
from harness.data.byte_pairs import BPE8K_PATTERN


def train(shards: list[Path], size: int) -> list[bytes]:
    """Learn `size` byte-level BPE tokens from the documents of `shards`.

    Returns:
        The tokens in rank order: the 256 single bytes, then the merges in the order learned.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(BPE8K_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=True)

    def texts() -> Iterator[str]:
        for shard in shards:
            yield from documents(shard)

    tokenizer.train_from_iterator(texts(), trainer)
    to_byte = {character: value for value, character in enumerate(CHARACTERS)}
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    tokens = [bytes(to_byte[character] for character in text) for text, _ in by_id]
    singles = [bytes([value]) for value in range(256)]
    return singles + [token for token in tokens if len(token) > 1]


def write_ranks(tokens: list[bytes], path: Path) -> None:
    """Write tokens as a tiktoken ranks file: a line `base64(token) rank` each."""
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    path.write_text("".join(lines), encoding="ascii")
