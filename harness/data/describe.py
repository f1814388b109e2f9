"""What is in a set: counts, lengths by role, what is cut or stands twice, and what looks odd."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.config.schema import Run
from harness.data.doubts import doubts
from harness.data.encoded import Encoded, encode_all
from harness.data.jinja import ChatTemplate
from harness.data.leaks import leaks
from harness.data.overlap import count_near
from harness.data.prompt import render
from harness.data.sources import load
from harness.data.tokens import Tokens, template_of, tokenizer_of
from harness.records.roles import PROMPT_ROLES, ROLE_ID, ROLES


class Length(NamedTuple):
    """What all texts of one role come to.

    Attributes:
        words: parted by blanks.
        tokens: once cut to the context.
    """

    words: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A set of examples, before a subset is drawn from it.

    Attributes:
        sizes: examples in training pool, validation and held-out set, by name.
        notes: a line on each file that was read, and on what was left out.
        lengths: role -> words and tokens of the training pool.
        ratio_of_means: tokens that people wrote in prompts / tokens of responses, over the pool.
        mean_log_ratio: mean over examples of ln(prompt tokens / response tokens); an example
            without the one or the other is left out.
        turns: answers in an example -> number of examples.
        duplicates: equal conversations left out.
        in_test: training examples left out that a held-out set holds too.
        near_test: training examples that stay, but are near-duplicates of held-out ones.
        truncated: examples longer than the model's context.
        template_share: the template's share of all tokens.
        shown: examples as the model sees them.
        warnings: a line on each thing that looks odd.
    """

    sizes: dict[str, int]
    notes: tuple[str, ...]
    lengths: dict[str, Length]
    ratio_of_means: float
    mean_log_ratio: float
    turns: dict[int, int]
    duplicates: int
    in_test: int
    near_test: int
    truncated: int
    template_share: float
    shown: tuple[str, ...]
    warnings: tuple[str, ...]


def describe(run: Run, count: int = 10) -> Description:
    """The set that a run draws its examples from, of which `count` are shown.

    Raises:
        DataError: the set cannot be loaded.
        ValueError, OSError: the template is faulty.
    """
    splits = load(run.data)
    tokenizer = tokenizer_of(run.model)
    items = encode_all(splits.pool, run.data.template, tokenizer, run.model.context)
    lengths = _lengths(items, template_of(run.data.template, tokenizer))
    prompts = [_prompt_length(item.tokens) for item in items]
    answers = [_count(item.tokens, "response") for item in items]
    total = sum(length.tokens for length in lengths.values())
    template = lengths.get("template", Length(0, 0)).tokens
    truncated = sum(item.truncated for item in items)
    return Description(
        sizes={
            "training": len(splits.pool),
            "validation": len(splits.validation),
            "test": len(splits.test),
            "test families": len(splits.test_families),
        },
        notes=splits.notes,
        lengths=lengths,
        ratio_of_means=sum(prompts) / sum(answers) if sum(answers) else math.inf,
        mean_log_ratio=_mean_log_ratio(prompts, answers),
        turns=dict(sorted(Counter(_turns(item) for item in items).items())),
        duplicates=splits.duplicates,
        in_test=splits.in_test,
        near_test=count_near(splits.pool, splits.test),
        truncated=truncated,
        template_share=template / total if total else 0.0,
        shown=tuple(tokenizer.decode(item.tokens.ids.tolist()) for item in items[:count]),
        warnings=(
            *splits.warnings,
            *doubts(splits.pool, truncated, template / total if total else 0.0),
            *leaks(splits.pool, splits.test),
        ),
    )


def _lengths(items: Sequence[Encoded], template: str | ChatTemplate) -> dict[str, Length]:
    words: Counter[str] = Counter()
    tokens = np.zeros(len(ROLES), np.int64)
    for item in items:
        tokens += np.bincount(item.tokens.roles, minlength=len(ROLES))
        for segment in render(item.example, template):
            words[segment.role] += len(segment.text.split())
    return {
        role: Length(words[role], int(tokens[number]))
        for number, role in enumerate(ROLES)
        if tokens[number]
    }


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
