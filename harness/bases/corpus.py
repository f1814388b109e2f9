"""Text shards for pretraining: files of documents separated by a line `<|endoftext|>`, plain or
xz.
"""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.byte_pairs import BytePairs

END_OF_DOCUMENT = "<|endoftext|>"


def documents(path: Path) -> Iterator[str]:
    """Yield the documents of one shard (`.txt` or `.txt.xz`), without their separator.

    Args:
        path: UTF-8 text, in which a line `<|endoftext|>` ends each document.

    Raises:
        FileNotFoundError: the shard is missing; the message names it.
        ValueError: it is no text, or not the whole of an xz file; likewise.
    """
    _check(path)
    opener = lzma.open if path.suffix == ".xz" else open
    lines: list[str] = []
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line.rstrip("\n") == END_OF_DOCUMENT:
                    yield "".join(lines).rstrip("\n")
                    lines = []
                else:
                    lines.append(line)
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"corpus shard {path}: {error}, expected UTF-8 text") from None
    if lines:
        yield "".join(lines).rstrip("\n")


def _check(path: Path) -> None:
    if not path.is_file():  # a pipe or device neither, which might never end
        raise FileNotFoundError(
            f"corpus shard {path}: no such file, expected a .txt or .txt.xz file"
        )


def token_array(path: Path, tokenizer: BytePairs, cache: Path) -> NDArray[np.uint16]:
    """Token ids of a shard, an end token after each document; encoded once, then read from `cache`.

    The cached file's name holds the hash of the shard's bytes and of the tokenizer.

    Raises:
        FileNotFoundError, ValueError: as `documents`, or there is no document in the shard.
    """
    _check(path)
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    cached = cache / f"{path.name}-{content}-{tokenizer.digest}.npy"
    if not cached.is_file():
        texts = list(documents(path))
        threads = os.cpu_count() or 1
        rows = tokenizer.encoding.encode_ordinary_batch(texts, num_threads=threads)
        if not rows:
            raise ValueError(f"corpus shard {path}: no document, expected text")
        ids = np.concatenate([np.array([*row, tokenizer.end], np.uint16) for row in rows])
        cache.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, ids)
        partial.replace(cached)
    loaded: NDArray[np.uint16] = np.load(cached)
    return loaded
