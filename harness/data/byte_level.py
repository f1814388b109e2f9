"""The ranks of GPT-2's byte-level BPE, from files beside its weights or by tiktoken's download."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

from harness.data.fetch import cache_folder

END = "<|endoftext|>"
MOST_BYTES = 1 << 26
"""Bytes of a tokenizer's file; GPT-2's has a million."""


def _characters() -> list[str]:
    """The character by which byte-level BPE files spell each byte (Radford et al. 2019): printable
    ones themselves.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [value for value in range(256) if value not in printable]
    return [chr(value if value in printable else 256 + others.index(value)) for value in range(256)]


CHARACTERS = _characters()
"""Of each byte 0 to 255."""


def gpt2_ranks(folder: Path | None) -> dict[bytes, int]:
    """The rank of each token.

    Args:
        folder: where GPT-2's `encoder.json` (or `vocab.json`) and `vocab.bpe` (or `merges.txt`), or
            else its `tokenizer.json`, lie; without them what was fetched of the hub before, or else
            tiktoken's own download, is used.

    Raises:
        OSError: a file there holds no ranks, or there is none and nothing can be downloaded.
    """
    kept = sorted((cache_folder() / "hub").glob("openai-community--gpt2*"))
    for beside in [folder] if folder is not None else kept:
        for vocabulary, merges in (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")):
            if (beside / vocabulary).is_file() and (beside / merges).is_file():
                return _of_pair(beside / vocabulary, beside / merges)
    if folder is not None and (folder / "tokenizer.json").is_file():
        return _of_tokenizer(folder / "tokenizer.json")
    try:
        return tiktoken.get_encoding("gpt2")._mergeable_ranks
    except (
        Exception
    ) as error:  # whatever the download raises, the user needs the two places that were tried
        place = f" or put encoder.json and vocab.bpe into {folder}" if folder else ""
        raise OSError(
            f"model.tokenizer=gpt2: cannot download the ranks ({error}); go online{place}"
        ) from None


def _of_pair(vocabulary: Path, merges: Path) -> dict[bytes, int]:
    """The ranks that a vocabulary and its merges tell."""
    try:
        _bounded(vocabulary, merges)
        with _uncached():
            return data_gym_to_mergeable_bpe_ranks(str(merges), str(vocabulary))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        AssertionError,
    ) as error:
        raise OSError(
            f"{vocabulary}: {_said(error)}, expected a byte-level BPE with the merges of "
            f"{merges.name}"
        ) from None


def _of_tokenizer(path: Path) -> dict[bytes, int]:
    """The ranks in a `tokenizer.json`."""
    try:
        _bounded(path)
        vocabulary: Mapping[str, Any] = json.loads(path.read_text("utf-8"))["model"]["vocab"]
        byte = {character: value for value, character in enumerate(CHARACTERS)}
        ranks = {
            bytes(byte[letter] for letter in token): id
            for token, id in vocabulary.items()
            if token != END
        }
        if any(bytes([value]) not in ranks for value in range(256)):
            raise ValueError("a byte has no token")
        if sorted(ranks.values()) != list(range(len(ranks))):
            raise ValueError(f"the ids of its {len(ranks)} tokens are not 0 to {len(ranks) - 1}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OSError(f"{path}: {_said(error)}, expected a byte-level BPE") from None
    return ranks


def _bounded(*paths: Path) -> None:
    for path in paths:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.name} has more than {MOST_BYTES:,} bytes")


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


@contextmanager
def _uncached() -> Iterator[None]:
    """Keep tiktoken from copying local files to its download cache, where they would outlive a
    change.
    """
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
