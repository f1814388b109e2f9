"""Tasks of reasoning-gym, scored by themselves; the slow ones need the extra `reasoning_gym`."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness.data import reasoning
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.sources import load
from harness.scoring import Answer, score
from tests.tiny import run_of

SMALL = ("data.validation=3", "data.test=5")


class Sums:
    """Stands in for a task of the package: the answer of every fourth question is unknown."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __getitem__(self, number: int) -> dict[str, Any]:
        answer = None if number % 4 == 3 else str(number % 40 + 1)
        return {"question": f"What is {number % 40} and 1?", "answer": answer, "metadata": {}}


def points(answer: str, entry: dict[str, Any]) -> float:
    """Half a point for an answer that is ten off; no number raises."""
    off = abs(int(answer) - int(entry["answer"]))
    return {0: 1.0, 10: 0.5}.get(off, 0.0)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(
        __version__="0",
        factory=SimpleNamespace(DATASETS={"sums": None, "more_sums": None}),
        create_dataset=lambda name, seed, size: Sums(size),
        get_score_answer_fn=lambda name: points,
    )
    monkeypatch.setattr(reasoning, "_package", lambda: stand_in)
    reasoning._made.cache_clear()


def scored(example: Example, response: str) -> tuple[float | None, float | None]:
    found = score(Answer(example, response, ended=True), ["verified", "reward"])
    return found["verified"], found["reward"]


def test_sets_share_no_question_and_scorers_score(package: None) -> None:
    splits = load(run_of("data=reasoning_gym", "data.path=[sums]", *SMALL).data)
    sets = (splits.pool, splits.validation, splits.test)
    assert [len(each) for each in sets] == [22, 3, 5]  # 30 of 40 have an answer
    assert len({example.id for each in sets for example in each}) == 30
    first = splits.test[0]
    assert first.messages[0].content == "What is 0 and 1?" and first.family == "sums"
    assert scored(first, "1") == (1.0, 1.0)
    assert scored(first, "11") == (0.0, 0.5)
    assert scored(first, "one") == (0.0, 0.0)
    builtin = load(run_of().data).test[0]
    assert scored(builtin, "x")[1] is None


def test_a_task_that_is_none_is_one_line(package: None) -> None:
    with pytest.raises(DataError, match=r"^data.path=sum: no such task .*did you mean sums\?$"):
        load(run_of("data=reasoning_gym", "data.path=[sum]", *SMALL).data)


def test_without_the_package_one_line_tells_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    reasoning._package.cache_clear()
    reasoning._made.cache_clear()
    with pytest.raises(DataError, match=r"library reasoning-gym is missing, .*\[reasoning_gym\]'$"):
        load(run_of("data=reasoning_gym", *SMALL).data)


@pytest.mark.slow
def test_tasks_of_the_package_take_their_own_references() -> None:
    pytest.importorskip("reasoning_gym", reason="needs the extra reasoning_gym")
    reasoning._package.cache_clear()
    reasoning._made.cache_clear()
    names = ["chain_sum", "leg_counting", "spell_backward", "basic_arithmetic"]
    run = run_of("data=reasoning_gym", f"data.path=[{','.join(names)}]", *SMALL)
    splits = load(run.data)
    assert {example.family for example in splits.pool} == set(names)
    assert len(splits.pool) == reasoning.POOL
    for example in splits.pool[:40]:
        assert scored(example, example.response) == (1.0, 1.0)
    again = reasoning._made.__wrapped__(tuple(names), 3, 5, run.data.seed)
    assert [example.id for example in again.pool] == [example.id for example in splits.pool]
