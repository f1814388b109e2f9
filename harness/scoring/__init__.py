"""Scores of one response, each a small function; None means that a score does not apply, which is
never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.data.example import Example
from harness.records import ResponseRecord, Score
from harness.scoring import behaviour, text
from harness.scoring.check import verify

SCORES = ("exact_match", "verified", "rouge_l", "chrf")
BEHAVIOURS = ("ended", "echoed", "repeated", "empty")


def score(example: Example, response: str, ended: bool) -> dict[str, Score]:
    """All scores of a response.

    Args:
        example: what was asked, with reference and check.
        response: the decoded response.
        ended: whether the model closed it with the end token itself.

    Returns:
        exact_match (None for a free-form task of a source that has checks), verified (the check's
        verdict, None without one), rouge_l, chrf, and the behaviours as 0 or 1.
    """
    reference = example.response
    asked = next(
        message.content for message in reversed(example.messages) if message.speaker == "user"
    )
    verdict = verify(example.check, response, reference)
    free_form = bool(example.family) and example.check is None
    return {
        "exact_match": None if free_form else text.exact_match(response, reference),
        "verified": None if verdict is None else float(verdict),
        "rouge_l": text.rouge_l(response, reference),
        "chrf": text.chrf(response, reference),
        "ended": float(ended),
        "echoed": float(behaviour.echoed(response, asked, reference)),
        "repeated": float(behaviour.repeated(response)),
        "empty": float(not response.strip()),
    }


def mean(records: Sequence[ResponseRecord], name: str) -> tuple[Score, int]:
    """The mean of a score over the responses that could be scored, and their number; None where
    none could.
    """
    values = [value for record in records if (value := record.scores[name]) is not None]
    return (sum(values) / len(values) if values else None), len(values)
