"""Data as it comes: 31 files of all formats and shapes, each with its one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.files import load_files, read_examples
from harness.data.prompt import render, render_prompt
from tests.make_data_files import FOLDER, files
from tests.tiny import run_of

CAT = ("user", "Translate to German.", "the cat\nand the dog")
KATZE = ("assistant", "die Katze, der Hund", "")
ASKED = ("user", "Translate to German.", "")
BRIEF = ("system", "Be brief.", "")
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'

ALPACA = "4 examples from instruction, input, output"
TOOLS = [ASKED, ("assistant", CALL, ""), ("tool", "5", ""), KATZE]
DIALOGUE = [
    BRIEF,
    ASKED,
    KATZE,
    ("user", "Once more.", ""),
    ("assistant", "die Katze, der Hund die Katze, der Hund", ""),
]
MIXED = "2 from instruction, output; 2 from instruction, input, output"
FOLDERS = (
    "2 from instruction, input, output; 2 from instruction, context, response (not read: category)"
)

CASES: list[tuple[str, str, list[tuple[str, str, str]], str]] = [
    ("array.json", ALPACA, [CAT, KATZE], ":17"),
    ("one_line.json", ALPACA, [CAT, KATZE], ":1"),
    ("lines.json", ALPACA, [CAT, KATZE], ":4"),
    ("wrapped.json", ALPACA, [CAT, KATZE], ": data[3]"),
    ("null_and_bom.jsonl", MIXED, [CAT, KATZE], ":4"),
    ("alpaca.jsonl.gz", ALPACA, [CAT, KATZE], ":4"),
    ("alpaca.jsonl.xz", ALPACA, [CAT, KATZE], ":4"),
    ("alpaca.json.bz2", ALPACA, [CAT, KATZE], ":17"),
    ("alpaca.jsonl.zst", ALPACA, [CAT, KATZE], ":4"),
    (
        "dolly.jsonl",
        "4 examples from instruction, context, response (not read: category)",
        [CAT, KATZE],
        ":4",
    ),
    ("questions.ndjson", "4 examples from question, answer", [ASKED, KATZE], ":4"),
    ("completions.jsonl", "4 examples from prompt, completion", [ASKED, KATZE], ":4"),
    (
        "completions_of_messages.jsonl",
        "4 examples from prompt, completion",
        [BRIEF, ASKED, KATZE],
        ":4",
    ),
    ("chats.jsonl", "4 examples from messages", [ASKED, KATZE], ":4"),
    ("dialogues.jsonl", "4 examples from messages", DIALOGUE, ":4"),
    ("tools.jsonl", "4 examples from messages (not read: tools)", TOOLS, ":4"),
    (
        "parts.jsonl",
        "4 examples from messages",
        [ASKED, ("assistant", "So: die Katze, der Hund", "")],
        ":4",
    ),
    ("sharegpt.json", "4 examples from system, conversations", [BRIEF, ASKED, KATZE], ":41"),
    ("lima.jsonl", "4 examples from conversations (not read: source)", [ASKED, KATZE], ":4"),
    (
        "segments.jsonl",
        "4 examples from text, segments",
        [("user", "Q: Translate to German.\nA: ", ""), KATZE],
        ":4",
    ),
    ("commas.csv", ALPACA, [CAT, KATZE], ":5"),
    ("semicolons.csv", ALPACA, [CAT, KATZE], ":5"),
    ("tabs.tsv", ALPACA, [CAT, KATZE], ":5"),
    ("chats.csv.gz", "4 examples from messages", [ASKED, KATZE], ":5"),
    ("alpaca.parquet", ALPACA, [CAT, KATZE], ": row 4"),
    ("tools.parquet", "4 examples from messages (not read: tools)", TOOLS, ": row 4"),
    ("alpaca.parquet.zst", ALPACA, [CAT, KATZE], ": row 4"),
    ("folder", FOLDERS, [CAT, KATZE], "/b.csv:3"),
    ("saved", "4 examples from messages", [ASKED, KATZE], "/data-00000-of-00001.arrow: row 4"),
    ("splits", ALPACA, [CAT, KATZE], "/train/data-00000-of-00001.arrow: row 4"),
]
"""File, what is said of it, its last example, and where that stands."""


def load(*paths: Path | str, **settings: Any) -> Any:
    """The splits of files, two of whose examples are held out."""
    given = [f"data.{key}={value}" for key, value in settings.items()]
    path = f"data.path=[{','.join(map(str, paths))}]" if len(paths) > 1 else f"data.path={paths[0]}"
    sizes = ["data.validation=0", "data.test=2"]
    return load_files(run_of("data=file", path, *sizes, *given).data)


def said(example: Example) -> list[tuple[str, str, str]]:
    return [(m.speaker, m.content, m.input) for m in example.messages]


@pytest.mark.parametrize(("name", "line", "last", "place"), CASES, ids=[c[0] for c in CASES])
def test_a_file_loads_with_its_one_line(
    name: str, line: str, last: list[tuple[str, str, str]], place: str
) -> None:
    path = FOLDER / name
    assert load(path).notes == (f"{path}: {line}",)
    examples = read_examples(str(path))
    assert len(examples) == 4
    assert said(examples[-1]) == last and examples[-1].place == f"{path}{place}"


def test_columns_are_mapped_by_hand_also_into_objects_and_lists() -> None:
    columns = "{instruction: question, input: context, output: answers.text.0}"
    splits = load(FOLDER / "squad.jsonl", columns=columns)
    assert [CAT, KATZE] in [said(example) for example in splits.pool + splits.test]
    assert splits.notes == (f"{FOLDER / 'squad.jsonl'}: {ALPACA}",)


def test_the_kept_files_are_those_that_the_script_makes() -> None:
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    made = files()
    assert kept == set(made)
    texts = [name for name in made if name.endswith((".json", ".jsonl", ".csv", ".tsv", ".ndjson"))]
    assert all((FOLDER / name).read_bytes() == made[name] for name in texts) and len(texts) > 15


def test_keys_of_messages_that_are_not_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.jsonl"
    said = [
        {"role": "user", "content": "Who?", "name": "Ann"},
        {"role": "assistant", "content": "I do.", "refusal": "", "weight": 1},
    ]
    rows = [{"messages": said, "id": n} for n in range(3)]
    rows = [json.loads(json.dumps(row).replace("Who?", f"Who {row['id']}?")) for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (note,) = load(path).notes
    assert note == (
        f"{path}: 3 examples from messages (not read: id, messages.name, messages.refusal)"
    )


def test_text_that_is_written_out_takes_no_template() -> None:
    example = read_examples(str(FOLDER / "segments.jsonl"))[0]
    expected = [
        ("instruction", "Q: Name the capital of France.\nA: "),
        ("response", "Paris"),
        ("end", ""),
    ]
    assert [(s.role, s.text) for s in render(example, "chatml")] == expected
    assert [s.role for s in render_prompt(example, "chatml")] == ["instruction"]


def test_only_the_last_of_several_labelled_stretches_ends(tmp_path: Path) -> None:
    stretches = [("a", True), ("b", False), ("c", True), ("d", True)]
    segments = [{"text": text, "label": label} for text, label in stretches]
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"segments": segments}))
    (example,) = read_examples(str(path))
    assert [(s.role, s.text, s.turn) for s in render(example, "headers")] == [
        ("response", "a", 0),
        ("user", "b", 1),
        ("response", "cd", 1),
        ("end", "", 1),
    ]


def test_a_prompt_with_calls_of_tools_ends_before_the_last_answer() -> None:
    example = read_examples(str(FOLDER / "tools.jsonl"))[0]
    written = "".join(s.text or "<END>" for s in render(example, "chatml"))
    assert written == (
        "<|im_start|>user\nName the capital of France.<|im_end|>\n"
        f"<|im_start|>assistant\n{CALL}<END>\n"
        "<|im_start|>tool\n5<|im_end|>\n<|im_start|>assistant\nParis<END>"
    )
    prompt = "".join(s.text or "<END>" for s in render_prompt(example, "chatml"))
    assert written == prompt + "Paris<END>"


def test_sources_are_mixed_by_their_shares(tmp_path: Path) -> None:
    sets = []
    for name, count in (("a", 90), ("b", 40)):
        rows = [{"question": f"{name} {n}", "answer": "yes"} for n in range(count)]
        sets.append(tmp_path / f"{name}.jsonl")
        sets[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = load(*sets)
    assert len(whole.pool) + len(whole.test) == 130
    splits = load(*sets, mix="[3,1]")
    found = [example.messages[0].content[0] for example in splits.pool + splits.test]
    assert (found.count("a"), found.count("b")) == (90, 30)
    assert splits.notes[2:] == (
        f"{sets[0]}: 90 of 90 are taken, as data.mix says",
        f"{sets[1]}: 30 of 40 are taken, as data.mix says",
    )
    assert {e.id for e in load(*sets, mix="[3,1]").pool} == {e.id for e in splits.pool}
    with pytest.raises(DataError, match=r"data.mix=\[3.0\]: expected a share above 0 for each"):
        load(*sets, mix="[3]")


def test_files_of_their_own_for_test_and_validation(tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    rows = [{"question": "  NAME the capital\nof france. ", "answer": "paris"}]
    rows += [{"question": f"New {n}?", "answer": "yes"} for n in range(3)]
    test.write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = load(FOLDER / "questions.ndjson", test_path=test, test=10)
    assert len(splits.test) == 4 and splits.in_test == 1
    pool = sorted(example.messages[0].content for example in splits.pool)
    assert pool == ["Add the numbers.", "Say hello.", "Translate to German."]
    assert splits.notes[-1] == "1 examples left out that the held-out sets hold too"
    few = load(FOLDER / "questions.ndjson", test_path=test, validation_path=test, test=2)
    assert len(few.test) == 2 and len(few.pool) >= 3


def test_a_set_that_a_held_out_file_holds_whole_is_refused() -> None:
    path = FOLDER / "questions.ndjson"
    with pytest.raises(DataError, match="every training example stands in the test or validation"):
        load(path, test_path=path, test=10)


def test_an_example_twice_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    content = (FOLDER / "lines.json").read_bytes()
    path.write_bytes(gzip.compress(content + content.splitlines()[0]))
    splits = load(path)
    assert splits.duplicates == 1 and len(splits.pool) + len(splits.test) == 4
    assert splits.notes[1:] == ("1 examples left out that occur twice",)
