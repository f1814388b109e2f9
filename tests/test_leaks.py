"""Held-out responses that stand in training prompts are found, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

from harness.data.describe import describe
from harness.data.example import Example, alpaca
from harness.data.leaks import leaks, shares
from tests.tiny import run_of

PLOT = " ".join(f"word{number}" for number in range(60))
OTHER = " ".join(f"other{number}" for number in range(60))
HALF = " ".join([*PLOT.split()[:30], *OTHER.split()[:30]])


def asked(prompt: str, response: str) -> Example:
    return alpaca(prompt, "", response)


def test_a_long_response_is_held_against_the_prompts_of_training_examples() -> None:
    training = [asked(f"{PLOT}\n\nWho is it?", "She"), asked("Tell me.", OTHER)]
    held_out = [asked("Write it.", PLOT), asked("And this.", HALF), asked("And that.", OTHER)]
    # Of the 56 runs of five words of HALF, 26 are of PLOT; OTHER stands in a response alone.
    assert shares(training, held_out) == [1.0, 26 / 56, 0.0]
    assert next(leaks(training, held_out)).startswith("1 of 3 test responses stand in training")


def test_short_responses_may_stand_in_prompts() -> None:
    training = [asked("Is it red or blue or green, what do you say?", "red")]
    held_out = [asked("Say it.", "red or blue or green, what")]
    assert shares(training, held_out) == []
    assert list(leaks(training, held_out)) == []


def test_describe_warns(tmp_path: Path) -> None:
    path, test = tmp_path / "a.jsonl", tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": f"{PLOT} Who?", "answer": "She"}) + "\n")
    test.write_text(json.dumps({"question": "Write it.", "answer": PLOT}) + "\n")
    run = run_of(
        "data=file", f"data.path={path}", f"data.test_path={test}", "data.validation=0",
        "data.test=1", "model=nano",
    )  # fmt: skip
    assert any("stand in training prompts" in line for line in describe(run).warnings)
