"""Scores of one response, each a small function; None means that a score does not apply, which is
never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from harness.config.extras import lacking
from harness.config.registry import Registry
from harness.data import reasoning
from harness.data.example import Example
from harness.records import ResponseRecord, Scale, Score
from harness.scoring import behaviour, embedding, text
from harness.scoring.check import verify


class Answer(NamedTuple):
    """A response, and what it answers.

    Attributes:
        example: what was asked, with reference and check.
        response: the decoded response.
        ended: whether the model closed it with the end token itself.
    """

    example: Example
    response: str
    ended: bool

    @property
    def reference(self) -> str:
        """What was expected."""
        return self.example.response

    @property
    def asked(self) -> str:
        """The last message of the user."""
        said = [each.content for each in self.example.messages if each.speaker == "user"]
        return said[-1]


Measure = Callable[[Answer], Score]


class Metric(NamedTuple):
    """A measure of responses, and how to read it.

    Attributes:
        measure: gives the value for one answer; None where it does not apply.
        unit: "share" for what lies in [0, 1]; any other word for any other number.
        better: whether a "higher" or a "lower" value is better.
        extra: the extra of the package that it needs; "" for none.
    """

    measure: Measure
    unit: str
    better: Literal["higher", "lower"]
    extra: str = ""

    @property
    def scale(self) -> Scale:
        """How to read it, as a result records it."""
        return Scale(unit=self.unit, better=self.better)


def _exact_match(answer: Answer) -> Score:
    """Not of a free-form task in a source that has checks: there is no one right answer."""
    if answer.example.family and answer.example.check is None:
        return None
    return text.exact_match(answer.response, answer.reference)


def _verified(answer: Answer) -> Score:
    verdict = verify(answer.example.check, answer.response, answer.reference)
    return None if verdict is None else float(verdict)


def _reward(answer: Answer) -> Score:
    """Of tasks with scorers that give parts of a point."""
    check = answer.example.check
    of_gym = check is not None and check.kind == reasoning.KIND
    return reasoning.reward(answer.response, check.args) if check and of_gym else None


SCORES: Registry[Metric] = Registry("score.scores")
"""What `score.scores` chooses from."""

SCORES.add("exact_match", Metric(_exact_match, "share", "higher"))
SCORES.add("verified", Metric(_verified, "share", "higher"))
SCORES.add("rouge_l", Metric(lambda a: text.rouge_l(a.response, a.reference), "share", "higher"))
SCORES.add("reward", Metric(_reward, "share", "higher"))
SCORES.add("chrf", Metric(lambda a: text.chrf(a.response, a.reference), "share", "higher"))
SCORES.add(
    "embedding",
    Metric(
        lambda a: embedding.similarity(a.response, a.reference), "cosine", "higher", "embedding"
    ),
)


def score_faults(name: str) -> list[str]:
    """A line where there is no score of a name, or its extra is missing; nothing else."""
    faults = SCORES.faults(name)
    extra = "" if faults else SCORES.get(name).extra
    reason = lacking(extra) if extra else ""
    return faults + ([f"score.scores={name!r}: {reason}"] if reason else [])


BEHAVIOURS: dict[str, Callable[[Answer], bool]] = {
    "ended": lambda answer: answer.ended,
    "echoed": lambda answer: behaviour.echoed(answer.response, answer.asked, answer.reference),
    "repeated": lambda answer: behaviour.repeated(answer.response),
    "empty": lambda answer: not answer.response.strip(),
}
"""What every response is looked at for."""


def score(answer: Answer, names: Sequence[str]) -> dict[str, Score]:
    """The scores of these names, then the behaviours as 0 or 1.

    Raises:
        UnknownName: there is no such score.
    """
    scores = {name: SCORES.get(name).measure(answer) for name in names}
    return scores | {name: float(shows(answer)) for name, shows in BEHAVIOURS.items()}


def mean(records: Sequence[ResponseRecord], name: str) -> tuple[Score, int]:
    """The mean of a score over the responses that could be scored, and their number; None where
    none could.
    """
    values = [value for record in records if (value := record.scores[name]) is not None]
    return (sum(values) / len(values) if values else None), len(values)
