"""Scores of responses: literal values, checks that pass and fail, and None for what cannot be
scored.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.example import Check, Example, alpaca
from harness.records import Score
from harness.scoring import SCORES, Answer, score
from harness.scoring.behaviour import echoed, repeated
from harness.scoring.check import CHECKS, verify
from harness.scoring.text import chrf, exact_match, rouge_l


def scored(example: Example, response: str, *, ended: bool = True) -> dict[str, Score]:
    names = [name for name, metric in SCORES.items() if not metric.extra]
    return score(Answer(example, response, ended=ended), names)


def test_exact_match_forgives_outer_white_space_alone() -> None:
    assert exact_match(" Paris\n", "Paris") == 1.0
    assert exact_match("paris", "Paris") == exact_match("Paris.", "Paris") == 0.0


def test_rouge_l_and_chrf_have_their_published_values() -> None:
    # Lin 2004, section 3.1: LCS "police the gunman" of 4 and 4 words after the published example.
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(0.5)
    assert rouge_l("x", "Ω") is None and chrf("x", " ") is None
    assert chrf("the cat", "the cat") == pytest.approx(1.0) and chrf("zzz", "the cat") == 0.0


WORDS = st.lists(st.sampled_from(["a", "b", "C", "d3", "Éa", "x-y", "\n", "ß"]), max_size=12)


@given(response=WORDS, reference=WORDS)
def test_rouge_l_is_that_of_the_package_to_the_last_bit(
    response: list[str], reference: list[str]
) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    said, wanted = " ".join(response), " ".join(reference)
    expected = RougeScorer(["rougeL"]).score(wanted, said)["rougeL"].fmeasure
    assert (rouge_l(said, wanted) or 0.0) == expected


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (Check("exact"), "the  Answer.", "another"),
        (Check("exact", {"case": True}), "the answer", "The answer"),
        (Check("number", {"value": 12}), "It is 12.", "12 or 13"),
        (Check("items", {"values": ["a", "b"]}), "a; B", "b, a"),
        (Check("some_of", {"values": ["cat", "dog", "cow"], "count": 2}), "Dog, cat", "dog, dog"),
        (Check("starts_with", {"prefix": "b", "words": 1}), "bread", "the bread"),
        (Check("contains_all", {"words": ["a", "b"]}), "a to b.", "ab"),
        (Check("word_count", {"count": 2}), "two words", "one"),
        (Check("json", {"value": {"a": 1, "b": "x"}}), '{"b": "x", "a": 1}', "{'a': 1}"),
    ],
)
def test_each_check_tells_good_from_bad(check: Check, good: str, bad: str) -> None:
    assert verify(check, good, "the answer") is True
    assert verify(check, bad, "the answer") is False
    assert verify(check, "", "the answer") is False


def test_every_check_is_tested_above_and_unknown_ones_are_named() -> None:
    tested = {
        "exact",
        "number",
        "items",
        "some_of",
        "starts_with",
        "contains_all",
        "word_count",
        "json",
    }
    assert set(CHECKS.names()) == tested | {"reasoning_gym"}  # tests/test_reasoning.py
    with pytest.raises(ValueError, match="check='regex': expected one of exact, number"):
        verify(Check("regex"), "x", "x")


def test_no_check_is_not_a_failure() -> None:
    assert verify(None, "x", "y") is None
    free = scored(alpaca("Write a story.", "", "Once.", family="story"), "Once upon")
    assert free["exact_match"] is None and free["verified"] is None and free["rouge_l"] is not None
    assert scored(alpaca("Say it.", "", "it"), "it")["exact_match"] == 1.0


def test_an_echo_opens_with_four_words_of_the_prompt() -> None:
    assert echoed("Name the capital of France", "Please: Name the capital of it", "Paris")
    assert not echoed("The capital is Paris", "Name the capital of it", "Paris")
    assert not echoed("Name the capital of it", "Name the capital of it", "Name the capital of it")


def test_repetition_is_three_times_in_a_row() -> None:
    assert repeated("so it is it is it is") and repeated("no no no")
    assert not repeated("no no yes no no") and not repeated("")
    found = scored(alpaca("Say it.", "", "it"), "a b a b a b", ended=False)
    assert (found["repeated"], found["ended"], found["empty"]) == (1.0, 0.0, 0.0)
    assert scored(alpaca("Say it.", "", "it"), "  ")["empty"] == 1.0
