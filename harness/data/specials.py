"""Special tokens that somebody wrote out in a text. They stay plain text, of several tokens each;
whoever made the data may have meant otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from harness.data.example import Example

SPELLING = re.compile(
    r"<[|｜][^\s|｜<>]{1,40}[|｜]>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>"
)
"""How tokenizers spell the tokens that begin, end and part texts."""


def written(example: Example) -> set[str]:
    """The spellings of special tokens that an example's texts hold."""
    return {
        found
        for message in example.messages
        for text in (message.content, message.input, message.thinking)
        for found in SPELLING.findall(text)
    }


def warnings(examples: Sequence[Example]) -> tuple[str, ...]:
    """A line for each spelling, the most frequent first."""
    counts = Counter(token for example in examples for token in written(example))
    return tuple(
        f"{count:,} of {len(examples):,} examples hold {token!r}, written out: it is plain text "
        "here, of several tokens, and no special token"
        for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
