"""The tokenizers of our GPTs: byte-level BPE, by tiktoken."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import tiktoken
from tiktoken.load import load_tiktoken_bpe

from harness.config.models import Model
from harness.data.byte_level import END, gpt2_ranks
from harness.data.hub_files import RANKS, hub_files, on_hub
from harness.paths import ASSETS, located

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


@dataclass(frozen=True, slots=True)
class BytePairs:
    """A tiktoken encoding, its end token and the hash of its ranks; the tokenizer of our GPTs.

    Attributes:
        encoding: turns text into ids.
        end: id of the end-of-text token, which closes every assistant turn.
        digest: sixteen hex digits over ranks and pattern.
    """

    encoding: tiktoken.Encoding
    end: int
    digest: str
    opening: ClassVar[tuple[int, ...]] = ()
    chat: ClassVar[None] = None

    @property
    def stops(self) -> tuple[int, ...]:
        """The end token alone."""
        return (self.end,)

    @property
    def size(self) -> int:
        """Number of ids, the end token included."""
        return self.encoding.n_vocab

    def encode(self, text: str, *, first: bool = False) -> list[int]:  # noqa: ARG002  # as the protocol has it
        """Ids of `text`; a special token written out in it is plain text."""
        return self.encoding.encode_ordinary(text)

    def markup(self, text: str, *, first: bool = False) -> list[int]:
        """As `encode`: a template of ours names no special token."""
        return self.encode(text, first=first)

    def decode(self, ids: list[int]) -> str:
        """Text of `ids`; bytes that are not UTF-8 become U+FFFD."""
        return self.encoding.decode(ids, errors="replace")


@cache
def load_tokenizer(name: str, folder: Path | None = None) -> BytePairs:
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


def gpt_tokenizer(model: Model) -> BytePairs:
    """The tokenizer of a model config; GPT-2's ranks are looked for beside its weights first.

    Raises:
        OSError: as `load_tokenizer`.
        DataError: as `harness.data.hub_files.hub_files`.
    """
    folder = located(model.weights)
    if model.tokenizer == "gpt2" and on_hub(model.weights):
        folder = hub_files(model.weights, RANKS)
    return load_tokenizer(model.tokenizer, folder if folder.is_dir() else None)


def _tokenizer(name: str, pattern: str, ranks: dict[bytes, int]) -> BytePairs:
    end = len(ranks)
    encoding = tiktoken.Encoding(
        name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={END: end}
    )
    digest = hashlib.sha256(pattern.encode())
    for token in sorted(ranks, key=ranks.__getitem__):
        digest.update(len(token).to_bytes(2, "big") + token)
    return BytePairs(encoding, end, digest.hexdigest()[:16])
