"""What a run is measured on at its end beside its own held-out set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.errors import DataError
from harness.data.examples import prepare_examples
from harness.records import EVALS, RESULT
from tests.tiny import run_of, write_records
from tests.tiny_sweep import inline, overrides


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "s").glob(f"*/{RESULT}"))]


def carry_out(folder: Path, *changes: str) -> list[dict[str, Any]]:
    run = run_of(*overrides(folder), *changes)
    outcome, said = inline([run])
    assert outcome.finished == 1, said
    return results(folder)


def test_validation_is_measured_at_every_pass_on_all_of_it(tmp_path: Path) -> None:
    (result,) = carry_out(tmp_path, "train.epochs=3", "data.validation=5")
    (path,) = (tmp_path / "s").glob(f"*/{EVALS}")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    mine = [record for record in records if record["split"] == "validation"]
    assert [record["epoch"] for record in mine] == [0, 1, 2, 3]
    assert {record["roles"]["end"]["tokens"] for record in mine} == {5}
    roles = mine[-1]["roles"]
    nats = roles["response"]["nats"] + roles["end"]["nats"]
    tokens = roles["response"]["tokens"] + roles["end"]["tokens"]
    assert result["nll"]["validation"]["answer"] == pytest.approx(nats / tokens)


def test_another_set_is_measured_in_the_runs_own_template(tmp_path: Path) -> None:
    other = write_records(tmp_path / "other.jsonl", 9, words=7)
    (result,) = carry_out(tmp_path, f"score.also={{other: {other}}}", "score.calibration=true")
    own, elsewhere = result["nll"]["test"], result["nll"]["on_other"]
    assert set(elsewhere) == set(own)
    assert elsewhere["answer"] != own["answer"]
    found = result["calibration"]
    assert set(found) == {"temperature", "nll", "ece", "brier"}
    assert 0.5 <= found["temperature"] <= 8
    assert found["nll"] == pytest.approx(own["answer"], abs=0.5)
    assert 0 <= found["ece"] <= 1
    assert 0 <= found["brier"] <= 2


def test_other_sets_are_as_large_as_the_test_set_and_part_of_what_is_compared(
    tmp_path: Path,
) -> None:
    digests = []
    for words in (3, 5):
        other = write_records(tmp_path / f"{words}.jsonl", 9, words=words)
        examples = prepare_examples(run_of(*overrides(tmp_path), f"score.also={{other: {other}}}"))
        assert len(examples.also["other"]) == 4
        digests.append(examples.digests["on_other"])
    assert digests[0] != digests[1]


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = run_of(*overrides(tmp_path), f"score.also={{lima: {tmp_path}/no.jsonl}}")
    with pytest.raises(DataError, match=r"no\.jsonl"):
        prepare_examples(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("score.also={a-b: x}", "score.also.a-b: expected a name of letters"),
        ("score.calibration=true", "expected data.validation above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run_of(*overrides(tmp_path), "data.validation=0", change)


def test_steps_of_so_many_examples_hold_them_whatever_their_lengths(tmp_path: Path) -> None:
    (result,) = carry_out(tmp_path, "train.batch_examples=2", "data.size=7", "train.epochs=2")
    (path,) = (tmp_path / "s").glob("*/steps.jsonl")
    tokens = [json.loads(line)["tokens"] for line in path.read_text().splitlines()]
    assert result["steps"] == 8  # four of a pass: 2, 2, 2 and 1 examples, or as even as may be
    assert len(tokens) == 8
