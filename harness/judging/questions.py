"""What a judge is asked, and how its replies are read. It never learns which arm answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.records import ResponseRecord

SCORE = (
    "Given the input `{prompt}` and correct output `{reference}`, score the model response "
    "`{response}` on a scale from 0 to 100, where 100 is the best score. "
)
INTEGER = "Respond with the integer number only."
"""Raschka, Build a Large Language Model (From Scratch), chapter 7, word for word. A server that is
told the form of replies wraps the number in an object all the same, which is read too.
"""

CRITERIA = {
    "correct": "says what the correct output says and nothing wrong",
    "complete": "leaves nothing out that was asked for",
    "relevant": "keeps to what was asked",
    "clear": "is well written and ends where it should",
}
POINTS = 4
RUBRIC = (
    "Judge a model's response to an input, with the correct output as reference.\n\n"
    "Input:\n{prompt}\n\nCorrect output:\n{reference}\n\nModel response:\n{response}\n\n"
    "Give 0 (not at all) to 4 (fully) points for each criterion:\n"
    + "".join(f"- {name}: the response {about}\n" for name, about in CRITERIA.items())
)
PAIR = (
    "Which of two responses to an input is better, with the correct output as reference?\n\n"
    "Input:\n{prompt}\n\nCorrect output:\n{reference}\n\n"
    "Response A:\n{first}\n\nResponse B:\n{second}\n\n"
)


class Question(NamedTuple):
    """A question to the judge.

    Attributes:
        text: what it is asked, `form` at its end.
        form: how it is to reply, said again where a reply cannot be read.
        schema: of the JSON object that it is to reply with.
        read: a reply -> what it says; None where it cannot be read.
    """

    text: str
    form: str
    schema: Mapping[str, Any]
    read: Callable[[str], float | None]


def score_question(answer: ResponseRecord) -> Question:
    """How good is it, from 0 to 100?"""
    text = SCORE.format(**_texts(answer)) + INTEGER
    return Question(text, INTEGER, _schema(score=_integer(100)), read_score)


def rubric_question(answer: ResponseRecord) -> Question:
    """How many points for each criterion? Read as their share of all, from 0 to 100."""
    fields = ", ".join(f'"{name}": integer' for name in CRITERIA)
    form = f"Reply with JSON alone: {{{fields}}}."
    text = RUBRIC.format(**_texts(answer)) + form
    return Question(text, form, _schema(**dict.fromkeys(CRITERIA, _integer(POINTS))), read_rubric)


def pair_question(first: ResponseRecord, second: ResponseRecord) -> Question:
    """Which is better? Read as 1 for the first, 0 for the second, ½ for a tie."""
    texts = {**_texts(first), "first": first.response, "second": second.response}
    form = 'Reply with JSON alone: {"better": "A"}, "B" or "tie".'
    return Question(
        PAIR.format(**texts) + form,
        form,
        _schema(better={"type": "string", "enum": ["A", "B", "tie"]}),
        read_pair,
    )


def read_score(reply: str) -> float | None:
    """The score of a reply: the object that was asked for, or an integer alone."""
    if re.fullmatch(r"\s*\d{1,3}\s*", reply):
        return _within(int(reply), 100)
    return _within(_object(reply).get("score"), 100)


def read_rubric(reply: str) -> float | None:
    """The share of all points, from 0 to 100."""
    found = _object(reply)
    points = [_within(found.get(name), POINTS) for name in CRITERIA]
    given = [each for each in points if each is not None]
    return 100 * sum(given) / (POINTS * len(points)) if len(given) == len(points) else None


def read_pair(reply: str) -> float | None:
    """1 for A, 0 for B, ½ for a tie."""
    said = _object(reply).get("better")
    return {"A": 1.0, "B": 0.0, "tie": 0.5}.get(said) if isinstance(said, str) else None


def _texts(answer: ResponseRecord) -> dict[str, str]:
    return {
        "prompt": answer.prompt.strip(),
        "reference": answer.reference,
        "response": answer.response,
    }


def _object(reply: str) -> dict[str, Any]:
    """The JSON object of a reply, maybe fenced as code; {} where there is none."""
    bare = re.sub(r"^\s*```(?:json)?\s*|\s*```\s*$", "", reply)
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _within(value: object, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return float(value) if 0 <= value <= most else None


def _integer(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": most}


def _schema(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
