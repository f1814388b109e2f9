"""Passages whose last word the passage itself gives away: a task in the manner of LAMBADA, cut from
held-out text.

LAMBADA (Paperno et al. 2016, arXiv 1606.06031) asks for the last word of passages that humans can
complete from the whole passage and not from its last sentence. Without humans, a rule stands in:
the word ends a sentence, stands earlier in the passage, and is missing in the passage's last
sentence before that. In LAMBADA 84 % of the words stand earlier in their passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

LEAST_WORDS, MOST_WORDS = 40, 90
LEAST_LETTERS = 5
PER_DOCUMENT = 12
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LAST = re.compile(r"^(.*\s)([A-Za-z]+)\.$", re.DOTALL)


class Passage(NamedTuple):
    """One question: what word comes after `context`?

    Attributes:
        context: whole sentences and the last one but for its last word; no space at the end.
        word: that word, letters alone.
    """

    context: str
    word: str


def passages(documents: Iterable[str]) -> list[Passage]:
    """All passages that the rule finds, in the order of the text.

    A passage takes as many sentences of one paragraph before its last as make 40 to 90 words. Of
    each document come at most 12, which share no sentence, so that no long book decides the figure.
    """
    found = []
    for document in documents:
        mine: list[Passage] = []
        for paragraph in document.split("\n\n"):
            sentences = _SENTENCE.split(" ".join(paragraph.split()))
            start = 0
            for end in range(len(sentences)):
                passage = _passage(sentences[start : end + 1])
                if passage:
                    mine.append(passage)
                    start = end + 1
        found += mine[:PER_DOCUMENT]
    return found


def _passage(sentences: list[str]) -> Passage | None:
    """The passage that ends with the last of `sentences` and is as long as may be; None where there
    is none.
    """
    kept: list[str] = []
    words = 0
    for sentence in reversed(sentences):
        words += sentence.count(" ") + 1
        if words > MOST_WORDS:
            break
        kept.insert(0, sentence)
    if len(kept) < 2 or sum(sentence.count(" ") + 1 for sentence in kept) < LEAST_WORDS:
        return None
    parts = _LAST.match(" ".join(kept))
    if parts is None or len(parts[2]) < LEAST_LETTERS:
        return None
    word = parts[2]
    before, own = (re.findall(r"[A-Za-z]+", text) for text in (" ".join(kept[:-1]), kept[-1]))
    if word not in before or word in own[:-1]:
        return None
    return Passage(parts[1].rstrip(), word)
