"""What examples come to: lengths by role, how prompts and answers compare, and what looks odd."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from harness.data.doubts import doubts
from harness.data.encoded import Encoded
from harness.data.example import Example
from harness.data.leaks import leaks
from harness.data.overlap import count_near
from harness.data.tokens import Tokens
from harness.records.roles import PROMPT_ROLES, ROLE_ID, ROLES

CLOSE = 0.05
"""Share of near-duplicates of held-out examples from which on something is said of it."""


class Length(NamedTuple):
    """What all texts of one role come to.

    Attributes:
        words: parted by blanks.
        tokens: once cut to the context.
    """

    words: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Of examples to train on, beside those that are held out.

    Attributes:
        lengths: role -> words and tokens.
        ratio_of_means: tokens that people wrote in prompts / tokens of responses.
        mean_log_ratio: mean over examples of ln(prompt tokens / response tokens); an example
            without the one or the other is left out.
        turns: answers in an example -> number of examples.
        near_test: how many are near-duplicates of held-out examples.
        truncated: how many are longer than the model's context.
        template_share: the template's share of all tokens.
        warnings: a line on each thing that looks odd.
    """

    lengths: dict[str, Length]
    ratio_of_means: float
    mean_log_ratio: float
    turns: dict[int, int]
    near_test: int
    truncated: int
    template_share: float
    warnings: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The same as a run's result keeps it; what is no number is left out."""
        ratios = {"ratio_of_means": self.ratio_of_means, "mean_log_ratio": self.mean_log_ratio}
        return {
            "words": {role: length.words for role, length in self.lengths.items()},
            "tokens": {role: length.tokens for role, length in self.lengths.items()},
            **{name: value for name, value in ratios.items() if math.isfinite(value)},
            "near_test": self.near_test,
            "truncated": self.truncated,
            "template_share": self.template_share,
            "warnings": "; ".join(self.warnings),
        }


def statistics(items: Sequence[Encoded], held_out: Sequence[Example]) -> Statistics:
    """Of examples to train on, at least one, and those that a run is tested on."""
    lengths = _lengths(items)
    prompts = [_prompt_length(item.tokens) for item in items]
    answers = [_count(item.tokens, "response") for item in items]
    total = sum(length.tokens for length in lengths.values())
    template = lengths.get("template", Length(0, 0)).tokens
    truncated = sum(item.truncated for item in items)
    examples = [item.example for item in items]
    near = count_near(examples, held_out)
    share = template / total if total else 0.0
    return Statistics(
        lengths=lengths,
        ratio_of_means=sum(prompts) / sum(answers) if sum(answers) else math.inf,
        mean_log_ratio=_mean_log_ratio(prompts, answers),
        turns=dict(sorted(Counter(_turns(item) for item in items).items())),
        near_test=near,
        truncated=truncated,
        template_share=share,
        warnings=(
            *doubts(examples, truncated, share),
            *leaks(examples, held_out),
            *_close(near, len(examples)),
        ),
    )


def _lengths(items: Sequence[Encoded]) -> dict[str, Length]:
    words: Counter[str] = Counter()
    tokens = np.zeros(len(ROLES), np.int64)
    for item in items:
        tokens += np.bincount(item.tokens.roles, minlength=len(ROLES))
        words.update(item.words)
    return {
        role: Length(words[role], int(tokens[number]))
        for number, role in enumerate(ROLES)
        if tokens[number]
    }


def _close(near: int, total: int) -> Iterator[str]:
    if near > CLOSE * total:
        yield (
            f"{near:,} of {total:,} training examples are near-duplicates of test examples; "
            "data.group=overlap keeps such examples on one side"
        )


def _count(tokens: Tokens, role: str) -> int:
    return int((tokens.roles == ROLE_ID[role]).sum())


def _prompt_length(tokens: Tokens) -> int:
    """Tokens of the prompt but for the template's."""
    return sum(_count(tokens, role) for role in PROMPT_ROLES if role != "template")


def _mean_log_ratio(prompts: Sequence[int], answers: Sequence[int]) -> float:
    logs = [
        math.log(prompt / answer)
        for prompt, answer in zip(prompts, answers, strict=True)
        if prompt and answer
    ]
    return sum(logs) / len(logs) if logs else math.nan


def _turns(item: Encoded) -> int:
    return sum(message.speaker == "assistant" for message in item.example.messages)
