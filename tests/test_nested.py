"""Records inside records: one example for each element of a list, as SQuAD has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.validate import ConfigError
from harness.data.errors import DataError
from harness.data.files import Reading, read_examples
from tests.tiny import run_of


def nested(passages: int = 2, version: str = "1.1") -> dict[str, Any]:
    """What SQuAD's files look like: two articles, each with so many passages of two questions."""
    articles = [
        {
            "title": f"T{article}",
            "paragraphs": [
                {
                    "context": f"Passage {article}.{number}",
                    "qas": [
                        {"question": f"Q {article}.{number}.{nth}?", "answers": [{"text": "A"}]}
                        for nth in range(2)
                    ],
                }
                for number in range(passages)
            ],
        }
        for article in range(2)
    ]
    return {"data": articles, "version": version}


SQUAD = run_of("data=squad").data


@pytest.mark.parametrize("indent", [None, 1])
def test_a_star_stands_for_each_element_of_a_list(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(nested(), indent=indent))
    columns = tuple((SQUAD.columns or {}).items())
    examples = read_examples(str(path), Reading(columns, SQUAD.group))
    assert len(examples) == 8
    assert [(m.speaker, m.content, m.input) for m in examples[6].messages] == [
        ("user", "Q 1.1.0?", "Passage 1.1"),
        ("assistant", "A", ""),
    ]
    assert examples[6].place == f"{path}: data[1]: paragraphs[1].qas[0]"
    assert [each.group for each in examples[5:7]] == ["passage 1.0", "passage 1.1"]


def test_a_large_file_of_one_line_is_read_as_one_of_many(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(nested(version="x" * (1 << 20))))
    assert len(read_examples(str(path), Reading(tuple((SQUAD.columns or {}).items())))) == 8


def test_what_a_star_cannot_stand_for_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"qas": {"q": "a"}}) + "\n")
    columns = (("instruction", "qas.*.q"), ("output", "qas.*.a"))
    with pytest.raises(DataError, match=r"^.*a.jsonl:1: qas is no list, expected one for a \*$"):
        read_examples(str(path), Reading(columns))
    path.write_text(json.dumps({"qas": [{"q": "a", "a": "b"}, {"q": "c"}]}) + "\n")
    with pytest.raises(
        DataError, match=r"a.jsonl:1: qas\[1\]: data.columns.output=qas.1.a is miss"
    ):
        read_examples(str(path), Reading(columns))
    apart = "data.columns={instruction: 'qas.*.q', output: 'answers.*.text'}"
    with pytest.raises(ConfigError, match=r"lead into lists that are not one in the other"):
        run_of("data=file", "data.path=a.jsonl", apart)
