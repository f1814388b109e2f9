"""Group splits: all examples of one passage on one side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.validate import ConfigError
from harness.data.errors import DataError
from harness.data.examples import prepare_examples
from harness.data.files import Reading, load_files, read_examples
from harness.data.leaks import leaks
from harness.data.splits import Splits
from harness.run.identity import make_cell
from tests.tiny import run_of, write_records


def passage(number: int, words: int = 25) -> str:
    return " ".join(f"p{number}w{place}" for place in range(words))


def write(path: Path, sizes: list[int]) -> Path:
    """A file with so many questions on each passage."""
    rows = [
        {"question": f"Q {number} {nth}?", "context": passage(number), "answer": f"{number} {nth}"}
        for number, size in enumerate(sizes)
        for nth in range(size)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def split(path: Path, group: str, seed: int = 0, **changes: Any) -> Splits:
    data = run_of("data=file", "data.path=a.jsonl", "data.validation=2", "data.test=3").data
    return load_files(replace(data, path=str(path), group=group, seed=seed, **changes))


def passages(splits: Splits) -> list[set[str]]:
    sides = (splits.pool, splits.validation, splits.test)
    return [{example.messages[0].input for example in side} for side in sides]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=12, max_size=30),
    st.integers(0, 2**31),
    st.sampled_from(["context", "overlap"]),
)
def test_no_passage_is_on_two_sides(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int, group: str
) -> None:
    path = write(tmp_path_factory.mktemp("groups") / "a.jsonl", sizes)
    found = split(path, group, seed)
    pool, validation, test = passages(found)
    assert not pool & validation and not pool & test and not validation & test
    assert len(found.validation) == 2 and len(found.test) == 3 and found.pool
    left_out = sum(sizes) - len(found.pool) - 5
    assert found.notes[-1] == (
        f"data.group={group}: {len(sizes)} groups, {left_out} examples left out so that none is on "
        "two sides"
    )


def test_without_a_group_passages_are_on_two_sides_and_the_split_is_what_it_was(
    tmp_path: Path,
) -> None:
    pool, _, test = passages(split(write(tmp_path / "passages.jsonl", [5] * 12), ""))
    assert pool & test
    path = write_records(tmp_path / "a.jsonl", 30)
    found = split(path, "", validation=5, test=10)
    shown = (*found.test[:2], *found.validation[:1], *found.pool[:2])
    assert [example.id for example in shown] == [
        "51f8ebad1eaa012d", "17ae1b3180e218f6", "9b0bc93df91e9c1d", "c9be7f154babee46",
        "9f06aef48a870434",
    ]  # fmt: skip
    run = run_of(
        "data=file", f"data.path={path}", "data.validation=5", "data.test=10", "data.size=5",
        "data.name=ident", "model=nano",
    )  # fmt: skip
    assert make_cell(run, prepare_examples(run)).identity == "ee245bc9c2d60976"


def test_space_and_case_of_a_key_do_not_matter_and_those_without_are_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"question": f"q{n}", "answer": "a", "doc": {"id": " A  b" if n % 2 else "a B"}}
        for n in range(8)
    ]
    rows += [{"question": f"alone{n}", "answer": "a"} for n in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    groups = [each.group for each in read_examples(str(path), Reading(group="doc.id"))]
    assert groups == ["a b"] * 8 + [""] * 8
    assert "9 groups" in split(path, "doc.id").notes[-1]


def test_a_held_out_file_keeps_its_groups_from_the_others(tmp_path: Path) -> None:
    path, test = write(tmp_path / "a.jsonl", [4] * 10), tmp_path / "test.jsonl"
    test.write_text(
        json.dumps({"question": "Another?", "context": passage(3).upper(), "answer": "yes"})
    )
    found = split(path, "input", test_path=str(test))
    assert found == split(path, "context", test_path=str(test))._replace(notes=found.notes)
    pool, validation, _ = passages(found)
    assert passage(3) not in pool | validation and len(pool | validation) == 9


def test_no_long_test_answer_stands_in_training_prompts(tmp_path: Path) -> None:
    """As where one example asks for what another one gives."""
    path = tmp_path / "a.jsonl"
    rows = []
    for number in range(30):
        long = passage(number, 60)
        rows.append({"question": f"Read: {long} What is {number}?", "answer": f"It is {number}."})
        rows.append({"question": f"Write a text on {number}.", "answer": long})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plain, grouped = (split(path, group, test=10) for group in ("", "overlap"))
    assert list(leaks(plain.pool, plain.test))
    assert not list(leaks(grouped.pool, grouped.test))


@pytest.mark.parametrize(
    ("sizes", "group", "line"),
    [
        ([3] * 5, "title", "data.group=title: no record has this key, expected one, or overlap"),
        ([2, 2, 9], "context", "expected 5 and some; smaller sets or another key"),
    ],
)
def test_what_cannot_be_grouped_is_one_line(
    tmp_path: Path, sizes: list[int], group: str, line: str
) -> None:
    with pytest.raises(DataError) as caught:
        split(write(tmp_path / "a.jsonl", sizes), group)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_set_that_is_made_has_no_groups() -> None:
    with pytest.raises(ConfigError, match=r"data\.group='input': the set builtin takes none"):
        run_of("data.group=input")


def test_what_answers_end_in_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"prompt": "Say END", "completion": "a END"}) + "\n")
    (example,) = read_examples(str(path), Reading(strip=" END"))
    assert (example.messages[0].content, example.response) == ("Say END", "a")
    parts = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]
    path.write_text(json.dumps({"messages": parts}) + "\n")
    with pytest.raises(DataError, match=r"a.jsonl:1: data.strip= END beside weights of its own"):
        read_examples(str(path), Reading(strip=" END"))
