"""What a judge's replies say, and how far they agree with what can be checked."""

from __future__ import annotations

import pytest

from harness.judging import agreement
from harness.judging.pairs import settled
from harness.judging.questions import (
    CRITERIA,
    pair_question,
    read_pair,
    read_rubric,
    read_score,
    rubric_question,
)
from harness.records import ResponseRecord

ANSWER = ResponseRecord(
    split="test", id="a", family="", prompt="Say it.\n", reference="right", response="wrong",
    tokens=1, nats=1.0, nats_tokens=1, scores={"exact_match": 0.0},
)  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"score": 85}', 85.0), ("85", 85.0), (' ```json\n{"score": 0}\n``` ', 0.0),
        ('{"score": 101}', None), ('{"score": true}', None), ('{"score": "85"}', None),
        ("I would say 85.", None), ("", None), ("[85]", None), ('{"score": 85', None),
    ],
)  # fmt: skip
def test_a_score_is_read_or_null(reply: str, score: float | None) -> None:
    assert read_score(reply) == score


def test_rubrics_and_pairs_are_read_or_null() -> None:
    assert read_rubric('{"correct": 4, "complete": 2, "relevant": 4, "clear": 2}') == 75.0
    assert read_rubric('{"correct": 4, "complete": 2, "relevant": 4}') is None
    assert read_rubric('{"correct": 5, "complete": 2, "relevant": 4, "clear": 2}') is None
    assert all(f'"{name}": integer' in rubric_question(ANSWER).text for name in CRITERIA)
    assert [read_pair(f'{{"better": "{word}"}}') for word in ("A", "B", "tie", "C")] == [
        1.0, 0.0, 0.5, None
    ]  # fmt: skip
    assert "Response A:\nwrong\n\nResponse B:\nwrong" in pair_question(ANSWER, ANSWER).text
    assert [settled(*both) for both in ((1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (None, 1.0))] == [
        1.0, 0.5, 0.0, None
    ]  # fmt: skip


def test_agreement_by_hand() -> None:
    pairs = [(1.0, 90.0), (1.0, 50.0), (0.0, 50.0), (0.0, 20.0), (None, 9.0), (1.0, None)]
    assert agreement.of_scores(pairs) == (
        "agreement with exact match: AUC 0.88; mean 70.0 where it matches (2 answers), 35.0 where "
        "not (2)"
    )
    assert agreement.of_scores([(0.0, 5.0)]).endswith("not to be told, no answer matches")
    kept = [(1.0, 0.0, 1.0), (0.0, 1.0, 0.5), (1.0, 1.0, 0.0), (0.0, 1.0, None)]
    assert agreement.of_pairs(kept).endswith("prefers the matching answer in 75% of 2 pairs")
