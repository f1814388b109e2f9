"""The schema of a judge: of the command, and of `score.judge`."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass as checked

from harness.config.kinds import Count, Positive, Threads, Weight, strict

PREFIX = "score.judge."
"""What comes before its keys in a run's config."""


@checked(frozen=True, kw_only=True, config=strict)
class Judge:
    """Which model judges answers, and how it is asked. Its key stands in the environment alone:
    OPENAI_API_KEY.

    Attributes:
        model: as the server calls it.
        url: of an OpenAI-compatible server, ending in /v1; "" for OPENAI_BASE_URL, or OpenAI's.
        kind: "score" asks for 0 to 100, "rubric" for points by criterion, "pairs" which of two
            arms' answers is better.
        name: of the score that the answers get; "" for judge or judge_rubric.
        baseline: pairs: the arm that the others are compared with; "" for full, or the first.
        concurrency: requests at a time.
        rate: most requests a minute; 0 for no limit.
        attempts: times a question is asked until its reply can be read; then it is null.
        patience: seconds to wait for a server that does not answer before giving up.
        tokens: most tokens of a reply.
        price_in: of a million prompt tokens, in any currency.
        price_out: of a million reply tokens.
    """

    model: str
    url: str
    kind: Literal["score", "rubric", "pairs"]
    name: str
    baseline: str
    concurrency: Threads
    rate: Count
    attempts: Positive
    patience: Weight
    tokens: Positive
    price_in: Weight
    price_out: Weight
