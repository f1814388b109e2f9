"""Segments to token ids, each id stamped with its role and turn as it is made. The only place that
calls BPE.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tiktoken
from numpy.typing import NDArray
from tiktoken.load import load_tiktoken_bpe

from harness.config.schema import Model
from harness.data.byte_level import END, gpt2_ranks
from harness.data.prompt import Segment
from harness.paths import ASSETS
from harness.records.roles import ROLE_ID

BPE8K_SIZE = 8192
BPE8K_RANKS = ASSETS / "bpe8k.tiktoken"
BPE8K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Like GPT-4's pre-tokeniser, but every digit stands alone: a small model can then learn to
calculate.
"""
GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


class Tokens(NamedTuple):
    """A tokenised conversation; the arrays are of equal length [time].

    Attributes:
        ids: int32, token ids.
        roles: int8, index into `harness.records.roles.ROLES`.
        turns: int16, the exchange each token belongs to, from 0; a user message and its answer
            share one.
        stated: float32, the loss weight that the data give to each token, nan where they say
            nothing; None where they say nothing of any.
    """

    ids: NDArray[np.int32]
    roles: NDArray[np.int8]
    turns: NDArray[np.int16]
    stated: NDArray[np.float32] | None = None

    def first(self, count: int) -> Tokens:
        """So many of them, from the beginning."""
        stated = None if self.stated is None else self.stated[:count]
        return Tokens(self.ids[:count], self.roles[:count], self.turns[:count], stated)


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tiktoken encoding, its end token and the hash of its ranks.

    Attributes:
        encoding: turns text into ids.
        end: id of the end-of-text token, which closes every assistant turn.
        digest: sixteen hex digits over ranks and pattern, part of cache keys and run identities.
    """

    encoding: tiktoken.Encoding
    end: int
    digest: str

    @property
    def size(self) -> int:
        """Number of ids, the end token included."""
        return self.encoding.n_vocab

    def encode(self, text: str) -> list[int]:
        """Ids of `text`; a special token written out in it is plain text."""
        return self.encoding.encode_ordinary(text)

    def decode(self, ids: list[int]) -> str:
        """Text of `ids`; bytes that are not UTF-8 become U+FFFD."""
        return self.encoding.decode(ids, errors="replace")


@cache
def load_tokenizer(name: str, folder: Path | None = None) -> Tokenizer:
    """A tokenizer by name.

    Args:
        name: "bpe8k" (ours) or "gpt2".
        folder: where GPT-2's ranks may lie (`harness.data.byte_level`).

    Raises:
        ValueError: no tokenizer has that name.
        OSError: the ranks are broken, or neither beside the weights nor to be downloaded.
    """
    if name == "bpe8k":
        return _tokenizer(name, BPE8K_PATTERN, load_tiktoken_bpe(str(BPE8K_RANKS)))
    if name == "gpt2":
        return _tokenizer(name, GPT2_PATTERN, gpt2_ranks(folder))
    raise ValueError(f"model.tokenizer={name!r}: no such tokenizer, expected bpe8k or gpt2")


def tokenizer_of(model: Model) -> Tokenizer:
    """The tokenizer of a model config; GPT-2's ranks are looked for beside its weights first.

    Raises:
        OSError: as `load_tokenizer`.
    """
    folder = Path(model.weights)
    return load_tokenizer(model.tokenizer, folder if folder.is_dir() else None)


def _tokenizer(name: str, pattern: str, ranks: dict[bytes, int]) -> Tokenizer:
    end = len(ranks)
    encoding = tiktoken.Encoding(
        name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={END: end}
    )
    digest = hashlib.sha256(pattern.encode())
    for token in sorted(ranks, key=ranks.__getitem__):
        digest.update(len(token).to_bytes(2, "big") + token)
    return Tokenizer(encoding, end, digest.hexdigest()[:16])


def tokenize(segments: tuple[Segment, ...], tokenizer: Tokenizer) -> Tokens:
    """Encode segments one by one, so that no token crosses a seam and each gets its role when it is
    made.

    An `end` segment becomes the tokenizer's end token.
    """
    ids: list[int] = []
    roles: list[int] = []
    turns: list[int] = []
    stated: list[float] = []
    for segment in segments:
        new = [tokenizer.end] if segment.role == "end" else tokenizer.encode(segment.text)
        ids += new
        roles += [ROLE_ID[segment.role]] * len(new)
        turns += [segment.turn] * len(new)
        stated += [math.nan if segment.weight is None else segment.weight] * len(new)
    silent = all(segment.weight is None for segment in segments)
    return Tokens(
        np.array(ids, np.int32),
        np.array(roles, np.int8),
        np.array(turns, np.int16),
        None if silent else np.array(stated, np.float32),
    )
