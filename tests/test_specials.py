"""Special tokens that somebody wrote out in a text are plain text, and every reader is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.setup import setup
from analysis.study import study
from harness.data.describe import describe
from harness.data.example import Example, Message, alpaca
from harness.data.specials import warnings, written
from harness.records import RESULT, Result
from harness.records.storage import read_json
from tests.tiny import run_of, write_records
from tests.tiny_sweep import inline, overrides


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("new york<|endoftext|>", {"<|endoftext|>"}),
        ("<s>[INST] a [/INST] b</s>", {"<s>", "</s>"}),
        ("<|im_start|>user\na<|im_end|>", {"<|im_start|>", "<|im_end|>"}),
        ("<｜end▁of▁sentence｜>", {"<｜end▁of▁sentence｜>"}),
        ("<start_of_turn>a<eos>", {"<start_of_turn>", "<eos>"}),
        ("if a <b| and c|> d: <p>x</p> <small> <| a |> |x|", set()),
    ],
)
def test_what_spells_a_special_token(text: str, found: set[str]) -> None:
    assert written(alpaca("a", "", text)) == written(alpaca("a", text, "b")) == found
    thinking = Message("assistant", "b", thinking=text)
    assert written(Example((Message("user", "a"), thinking))) == found


def test_each_spelling_is_counted_by_examples() -> None:
    examples = [alpaca("a", "</s>", f"{n}</s></s>") for n in range(3)] + [alpaca("<eos>", "", "b")]
    most, other = warnings(examples)
    assert most == (
        "3 of 4 examples hold '</s>', written out: it is plain text here, of several tokens, and "
        "no special token"
    )
    assert other.startswith("1 of 4 examples hold '<eos>'")


def test_description_launch_record_and_report_tell_it(tmp_path: Path) -> None:
    """As T0's reading questions, in which every answer ends so."""
    path = write_records(tmp_path / "records.jsonl", 30)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    ended = [{**row, "output": row["output"] + "<|endoftext|>"} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in ended))
    line = (
        "30 of 30 examples hold '<|endoftext|>', written out: it is plain text here, of several "
        "tokens, and no special token"
    )
    run = run_of(*overrides(tmp_path))
    assert line in describe(run, 0).warnings
    _, said = inline([run])
    assert f"warning: {line}" in said
    (made,) = (tmp_path / "s").glob(f"*/{RESULT}")
    counts = read_json(made, Result).counts
    assert counts["written_specials"] == 12  # 6 to train on, 2 for validation, 4 held out
    told = dict(setup(study([tmp_path / "s"])))["special tokens written out"]
    assert told == "in 12 examples of a run: plain text there, no special tokens"
