"""Two arms' answers to the same prompts before a judge, each pair in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.judging.client import Client
from harness.judging.questions import pair_question
from harness.records import ResponseRecord


@dataclass(kw_only=True, slots=True)
class Pair:
    """An arm's answer and the baseline's to one prompt of one seed.

    Attributes:
        arm: whose answer is compared.
        run: its run's folder.
        id: of the example.
        exact: exact match of its answer and of the baseline's.
        orders: 1 where its answer was preferred, 0 where the baseline's, ½ for a tie: as the first
            of the two, and as the second; None where the reply could not be read.
        verdict: 1, ½ or 0; orders that disagree are a tie, None where one could not be read.
    """

    arm: str
    run: str
    id: str
    exact: tuple[float | None, float | None]
    orders: tuple[float | None, float | None] = (None, None)
    verdict: float | None = None


def judge_pairs(
    client: Client, pairs: Sequence[Pair], answers: Sequence[tuple[ResponseRecord, ResponseRecord]]
) -> None:
    """Fill in what the judge says; equal answers are a tie, and nothing is asked.

    Args:
        client: the judge.
        pairs: to be judged.
        answers: of each, the arm's and the baseline's.

    Raises:
        Unanswered: the server does not answer.
    """
    asked = [place for place, (own, other) in enumerate(answers) if own.response != other.response]
    questions = [pair_question(*answers[place]) for place in asked]
    questions += [pair_question(*reversed(answers[place])) for place in asked]
    said = client.ask_all(questions)
    for pair in pairs:
        pair.orders, pair.verdict = (0.5, 0.5), 0.5
    for number, place in enumerate(asked):
        first, second = said[number], said[len(asked) + number]
        turned = None if second is None else 1 - second
        pairs[place].orders = (first, turned)
        pairs[place].verdict = settled(first, turned)


def settled(first: float | None, second: float | None) -> float | None:
    """The verdict of both orders: what they agree in, or a tie."""
    if first is None or second is None:
        return None
    return first if first == second else 0.5
