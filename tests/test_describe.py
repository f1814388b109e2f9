"""What `describe` says of a set, against counts by hand."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from harness.__main__ import main
from harness.data.describe import describe
from harness.data.doubts import doubts
from harness.data.example import Example, Message, alpaca
from harness.data.examples import prepare_examples
from harness.data.overlap import count_near
from harness.data.statistics import Length
from tests.make_data_files import FOLDER
from tests.tiny import BPE, run_of


def of_file(path: Path, *overrides: str) -> tuple[str, ...]:
    sizes = ("data.validation=0", "data.test=1", "model=nano", "data.template=headers")
    return (f"data.path={path}", "data=file", *sizes, *overrides)


def test_counts_and_lengths_of_a_set(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"question": "one two three four", "answer": "yes"},
        {"question": "one two", "answer": "yes no"},
    ]
    test = {"question": "something else entirely", "answer": "ok"}
    (tmp_path / "test.jsonl").write_text(json.dumps(test))
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    progress = Console(file=io.StringIO(), force_terminal=True, width=80)
    run = run_of(*of_file(path, f"data.test_path={tmp_path / 'test.jsonl'}"))
    found = describe(run, 1, progress)
    for step in ("reading the data", "tokenising", "100%", "comparing with what is held out"):
        assert step in progress.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert found.sizes == {"training": 2, "validation": 0, "test": 1, "test families": 0}
    assert found.notes[0] == f"{path}: 3 examples from question, answer"
    pool = found.pool
    assert (found.duplicates, found.in_test, pool.near_test, pool.truncated) == (1, 0, 0, 0)
    prompts = [len(BPE.encode(row["question"])) for row in rows]
    answers = [len(BPE.encode(row["answer"])) for row in rows]
    header = [len(BPE.encode(text)) for text in ("### Instruction:\n", "\n\n### Response:\n")]
    assert found.pool.lengths == {
        "template": Length(8, 2 * sum(header)),
        "instruction": Length(6, sum(prompts)),
        "response": Length(3, sum(answers)),
        "end": Length(0, 2),
    }
    assert found.pool.ratio_of_means == sum(prompts) / sum(answers)
    logs = [math.log(p / a) for p, a in zip(prompts, answers, strict=True)]
    assert found.pool.mean_log_ratio == pytest.approx(sum(logs) / 2, rel=1e-12)
    assert found.pool.turns == {1: 2}
    whole = 2 * sum(header) + sum(prompts) + sum(answers) + 2
    assert found.pool.template_share == 2 * sum(header) / whole
    (shown,) = found.shown
    assert shown.startswith("### Instruction:\none two") and shown.endswith("<|endoftext|>")


def test_turns_and_what_is_too_long_are_counted() -> None:
    found = describe(run_of(*of_file(FOLDER / "dialogues.jsonl", "model.context=32")))
    assert found.pool.turns == {2: 3} and found.pool.truncated == 3
    assert (
        "3 of 3 examples longer than model.context, an error without data.too_long=truncate or drop"
    ) in found.warnings


def test_near_duplicates_share_four_fifths_of_their_pairs_of_words() -> None:
    words = [f"w{n}" for n in range(20)]
    base = alpaca(" ".join(words), "", "yes")
    near = alpaca(" ".join([*words[:-1], "other"]).upper(), "", "yes")
    far = alpaca(" ".join([*words[:8], "x", *words[9:16], "y", *words[17:]]), "", "yes")
    assert count_near([near, far, base], [base, alpaca("a b c", "", "d")]) == 2
    assert count_near([far], [base]) == 0
    many = [alpaca(f"Say number {n} in a word of your own", "", str(n)) for n in range(50)]
    brute = sum(count_near([example], many[25:]) for example in many[:25])
    assert count_near(many[:25], many[25:]) == brute


def chats(asked: list[str], answers: list[str]) -> list[Example]:
    return [
        Example((Message("user", a), Message("assistant", b)))
        for a, b in zip(asked, answers, strict=True)
    ]


@pytest.mark.parametrize(
    ("examples", "line"),
    [
        (
            chats(["Q: a\nAnswer:", "Q: b\nAnswer:", "c"], ["a b", "b c", "c d"]),
            "67% of the prompts end in 'Answer:'",
        ),
        (
            chats(["same", "same", "c"], ["a b", "b c", "c d"]),
            "67% of the examples ask the same: 'same'",
        ),
        (chats(["a", "b", "c"], ["one", "two", "c d"]), "67% of the responses are one word"),
        (chats(["a", "b", "c"], ["a b", "b c", " "]), "1 responses are empty"),
        (
            chats(["a\n### Response:", "b", "c"], ["a b", "b c", "c d"]),
            "'### Response:' stands in 1 example, as if a template were in the text already",
        ),
    ],
)
def test_what_looks_odd_is_said(examples: list[Example], line: str) -> None:
    (found,) = doubts(examples, 0, 0.3)
    assert line in found


def test_nothing_is_said_of_a_sound_set() -> None:
    assert not list(doubts(chats(["a", "b", "c"], ["a b", "b c", "c d"]), 0, 0.5))
    assert list(doubts(chats(["a"], ["a b"]), 0, 0.61)) == [
        "the template makes up 61% of all tokens"
    ]


def test_the_command_tells_it_without_moving_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"question": f"Say {n}\x1b[31m.", "answer": "go " * 900} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    keys = [*of_file(path, "data.too_long=truncate"), "n=1"]
    assert main(["describe", *keys]) == 0
    told = capsys.readouterr().out
    assert f"data a\n{path}: 5 examples from question, answer\nexamples: 4 training, 1 test" in told
    assert "answers in an example: 4 of 1\n" in told and "longer than model.context: 0\n" in told
    assert "mean log ratio -" in told and "near-duplicates of held-out examples" in told
    assert "\\x1b[31m." in told and "\x1b" not in told
    assert "\n[... 1,2" in told and told.count("--- example") == 1


def test_the_command_tells_faults_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "n=some"]) == 2
    assert capsys.readouterr().err == "harness describe: n=some: expected a number of examples\n"
    assert main(["describe", "data.path=none.jsonl"]) == 2
    line = "harness describe: data.path=none.jsonl: no such file or folder\n"
    assert capsys.readouterr().err == line


def test_a_result_keeps_what_describe_counts_of_the_training_subset(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = " ".join(f"w{n}" for n in range(40))
    rows = [{"question": f"{long} {n}?", "answer": "yes"} for n in range(6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = run_of(*of_file(path, "data.size=4"))
    examples = prepare_examples(run)
    assert examples.statistics is prepare_examples(run).statistics  # counted once for all masks
    found = examples.statistics.record()
    assert found["words"] == {"template": 16, "instruction": 164, "response": 4, "end": 0}
    tokens = sum(len(item.tokens.ids) for item in examples.train)
    assert sum(found["tokens"].values()) == tokens and found["tokens"]["end"] == 4
    assert found["near_test"] == 4 and found["truncated"] == 0
    assert found["ratio_of_means"] == pytest.approx(math.exp(found["mean_log_ratio"]), rel=0.01)
    assert found["warnings"] == (
        "100% of the responses are one word: most of the loss is on end tokens; 4 of 4 training "
        "examples are near-duplicates of test examples; data.group=overlap keeps such examples on "
        "one side"
    )
    json.dumps(found, allow_nan=False)
