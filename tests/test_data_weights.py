"""Loss weights that the data state, in all spellings, as `mask=from_data` trains by them."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.checks import unheard
from harness.data.errors import DataError
from harness.data.files import read_examples
from harness.data.masks import weigh
from harness.data.prompt import render
from harness.data.tokens import Tokens, tokenize
from harness.records.roles import ROLES
from tests.tiny import BPE, MASKS, mask_of, run_of

ASK: dict[str, Any] = {"role": "user", "content": "Who?"}
SAY: dict[str, Any] = {"role": "assistant", "content": "I do."}


def written(tmp_path: Path, *messages: dict[str, Any]) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"messages": messages}) + "\n")
    return path


def tokens_of_file(path: Path) -> Tokens:
    (example,) = read_examples(str(path))
    return tokenize(render(example, "headers"), BPE)


def weighed(path: Path, mask: str = "from_data") -> list[tuple[str, str, float]]:
    """Role, text and weight of each stretch of tokens that agree in role and weight."""
    tokens = tokens_of_file(path)
    found = weigh(tokens, MASKS[mask], np.zeros(len(tokens.ids), np.float32))
    parts = zip(tokens.roles.tolist(), found.tolist(), tokens.ids.tolist(), strict=True)
    return [
        (ROLES[role], BPE.decode([token for _, _, token in stretch]), weight)
        for (role, weight), stretch in groupby(parts, key=lambda part: part[:2])
        if ROLES[role] != "template"
    ]


def part(text: str, **said: object) -> dict[str, object]:
    return {"type": "text", "text": text, **said}


@pytest.mark.parametrize(
    "said",
    [
        {"weight": 0},
        {"train": False},
        {"trainable": False},
        {"loss": False},
        {"loss_scale": 0.0},
        {"weight": 0, "train": False},
    ],
    ids=str,
)
def test_an_answer_that_is_not_to_be_trained_weighs_0_with_its_end(
    tmp_path: Path, said: dict[str, object]
) -> None:
    path = written(tmp_path, ASK, {**SAY, **said}, ASK, {**SAY, "content": "You do."})
    assert weighed(path) == [
        ("user", "Who?", 0.0),
        ("response", "I do.", 0.0),
        ("end", "<|endoftext|>", 0.0),
        ("user", "Who?", 0.0),
        ("response", "You do.", 1.0),
        ("end", "<|endoftext|>", 1.0),
    ]
    assert [weight for *_, weight in weighed(path, "full")] == [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("said", "weight"),
    [
        ({"weight": 0.25}, 0.25),
        ({"loss_scale": 2.5}, 2.5),
        ({"train": True}, 1.0),
        ({"trainable": True}, 1.0),
        ({"loss": True}, 1.0),
        ({"loss": True, "loss_scale": 2.5}, 2.5),
    ],
    ids=str,
)
def test_a_question_may_weigh_too(tmp_path: Path, said: dict[str, object], weight: float) -> None:
    path = written(tmp_path, {**ASK, **said}, SAY)
    assert weighed(path) == [
        ("instruction", "Who?", weight),
        ("response", "I do.", 1.0),
        ("end", "<|endoftext|>", 1.0),
    ]


def test_parts_of_a_message_weigh_by_themselves(tmp_path: Path) -> None:
    parts = [part("I ", train=False), part("do", weight=3), part(".")]
    path = written(tmp_path, ASK, {"role": "assistant", "content": parts})
    assert weighed(path) == [
        ("instruction", "Who?", 0.0),
        ("response", "I ", 0.0),
        ("response", "do", 3.0),
        ("response", ".", 1.0),
        ("end", "<|endoftext|>", 1.0),
    ]


def test_offsets_of_axolotl_count_letters_both_ends_included(tmp_path: Path) -> None:
    detail = [{"begin_offset": 2, "end_offset": 3, "train": False}]
    path = written(tmp_path, ASK, {**SAY, "train_detail": detail})
    assert weighed(path)[1:] == [
        ("response", "I ", 1.0),
        ("response", "do", 0.0),
        ("response", ".", 1.0),
        ("end", "<|endoftext|>", 1.0),
    ]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"weight": 1, "train": False}, "weight says 1 and train says 0, expected one weight"),
        ({"loss": True, "trainable": False}, "trainable says 0 and loss says 1"),
        ({"weight": 1, "loss_scale": 2}, "weight says 1 and loss_scale says 2"),
        ({"loss": False, "loss_scale": 2}, "loss_scale says 2 and loss says 0"),
        (
            {"train": False, "content": [part("I", train=True)]},
            "the message's train says 0 and the part's train says 1, expected one weight",
        ),
        ({"weight": "1"}, "weight is '1', expected a number of 0 or more"),
        ({"loss_scale": -2}, "loss_scale is the number -2, expected a number of 0 or more"),
        ({"trainable": "yes"}, "trainable is 'yes', expected true or false"),
        (
            {"train_detail": [{"begin_offset": 2, "end_offset": 9, "train": True}]},
            "expected offsets in order within the text's 5 characters",
        ),
    ],
    ids=str,
)
def test_weights_that_contradict_each_other_are_one_line(
    tmp_path: Path, said: dict[str, object], fault: str
) -> None:
    path = written(tmp_path, ASK, {**SAY, **said})
    with pytest.raises(DataError) as caught:
        read_examples(str(path))
    line = str(caught.value)
    assert line.startswith(f"{path}:1: message 1: ") and fault in line and "\n" not in line


def test_what_is_cut_keeps_its_weights(tmp_path: Path) -> None:
    tokens = tokens_of_file(written(tmp_path, {**ASK, "weight": 2}, SAY))
    cut = tokens.first(len(tokens.ids) - 2)
    assert cut.stated is not None and tokens.stated is not None
    assert np.array_equal(cut.stated, tokens.stated[:-2], equal_nan=True)
    assert len(cut.ids) == len(cut.roles) == len(cut.turns) == len(cut.stated)


def test_a_mask_may_mix_the_datas_weights_with_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, ASK, {**SAY, "weight": 0}, ASK, SAY)
    tokens = tokens_of_file(path)
    mask = mask_of("none", "mask.from_data=true", "mask.prompt_weight=0.5")
    found = weigh(tokens, mask, np.zeros(len(tokens.ids), np.float32))
    of_user = found[tokens.roles == ROLES.index("user")]
    assert set(of_user.tolist()) == {0.5}
    of_answers = found[tokens.roles == ROLES.index("response")]
    assert of_answers.tolist() == [0.0] * (len(of_answers) // 2) + [1.0] * (len(of_answers) // 2)


def test_a_set_without_weights_is_named_to_who_asks_for_them(tmp_path: Path) -> None:
    def run(mask: str, *messages: dict[str, Any]) -> Any:
        path = tmp_path / "some.jsonl"
        rows = [{"messages": [{**ASK, "content": f"Who {n}?"}, *messages]} for n in range(9)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sizes = ("data.test=1", "data.validation=1")
        return run_of(f"mask={mask}", "data=file", f"data.path={path}", *sizes)

    assert unheard([run("from_data", SAY), run("full", SAY)]) == [
        "mask=from_data: data=some states no weights, so that it is as without mask.from_data"
    ]
    assert unheard([run("full", SAY)]) == []
