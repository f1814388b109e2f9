"""The role `thinking`: what an answer's message keeps of the thoughts before it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.__main__ import main
from harness.data.errors import DataError
from harness.data.example import Example, Message, Span
from harness.data.jinja import ChatTemplate
from harness.data.masks import weigh
from harness.data.prompt import Segment, closing_mark, render, render_prompt
from harness.data.tokens import tokenize
from harness.records import RESPONSES, AuditRecord, ResponseRecord
from harness.records.roles import PROMPT_ROLES, RESPONSE_ROLES, ROLE_ID, ROLES
from harness.records.storage import read_jsonl
from harness.run.execute import execute
from harness.run.warm import Warm
from tests.own_models import own_cell, write_model, write_tokenizer
from tests.tiny import BPE, MASKS, mask_of

Capture = pytest.CaptureFixture[str]

QWEN = """
{%- set ns = namespace(last=-1) %}
{%- for message in messages %}{% if message.role == 'user' %}{% set ns.last = loop.index0 %}
{%- endif %}{% endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == 'assistant' %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning_content) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + reasoning_content.strip('\\n')
                + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content }}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
"""
"""As Qwen3 writes thoughts: those of the last turn, between marks; earlier ones not again."""

OWN = ChatTemplate("t", QWEN, specials=("<|im_start|>", "<|im_end|>"))
PLAIN = ChatTemplate(
    "t", "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>\n{% endfor %}",
    specials=("<|im_end|>",),
)  # fmt: skip

ONE = Example(
    (Message("user", "2 and 2?"), Message("assistant", "4", thinking="Two twos <think> make 4."))
)
TWO = Example(
    (
        Message("user", "1 and 1?"), Message("assistant", "2", thinking="Easy."),
        *ONE.messages,
    )
)  # fmt: skip


def test_the_role_stands_last_so_that_ids_of_others_stay() -> None:
    assert ROLES == (
        "template", "system", "instruction", "input", "user", "response", "end", "thinking"
    )  # fmt: skip
    assert RESPONSE_ROLES == ("response", "end") and "thinking" not in PROMPT_ROLES


def test_a_chat_template_writes_thoughts_between_its_marks() -> None:
    assert render(ONE, OWN) == (
        Segment("template", "<|im_start|>user\n", 0),
        Segment("instruction", "2 and 2?", 0),
        Segment("template", "<|im_end|>\n<|im_start|>assistant\n<think>\n", 0),
        Segment("thinking", "Two twos <think> make 4.", 0),
        Segment("thinking", "\n</think>\n\n", 0),
        Segment("response", "4", 0),
        Segment("end", "<|im_end|>", 0),
    )
    assert render_prompt(ONE, OWN) == render(ONE, OWN)[:3]
    assert closing_mark(render(ONE, OWN)) == "</think>"


def test_thoughts_of_earlier_turns_may_be_left_out() -> None:
    found = render(TWO, OWN)
    assert [s.text for s in found if s.role == "thinking"] == [
        "Two twos <think> make 4.", "\n</think>\n\n"
    ]  # fmt: skip
    assert [s.text for s in found if s.role == "response"] == ["2", "4"]


def test_a_template_that_leaves_the_last_thoughts_out_is_refused() -> None:
    with pytest.raises(ValueError, match=r"t: leaves out the thoughts of example .*; expected a"):
        render(ONE, PLAIN)
    without = Example((ONE.messages[0], Message("assistant", "4")))
    assert closing_mark(render(without, OWN)) == closing_mark(render(without, PLAIN)) == ""


def test_a_template_of_the_package_writes_them_too() -> None:
    assert [(s.role, s.text) for s in render(ONE, "chatml")][2:] == [
        ("template", "<|im_end|>\n"),
        ("template", "<|im_start|>assistant\n"),
        ("template", "<think>\n"),
        ("thinking", "Two twos <think> make 4."),
        ("thinking", "\n</think>\n\n"),
        ("response", "4"),
        ("end", ""),
    ]


def weights(mask: str, *overrides: str) -> dict[str, set[float]]:
    """Role -> the weights of its tokens."""
    tokens = tokenize(render(ONE, "chatml"), BPE)
    alike = np.zeros(len(tokens.ids), np.float32)
    found = weigh(tokens, mask_of(mask, *overrides) if overrides else MASKS[mask], alike)
    return {role: set(found[tokens.roles == ROLE_ID[role]].tolist()) for role in ROLES}


def test_thoughts_weigh_what_answers_weigh_unless_a_mask_says_otherwise() -> None:
    full = weights("full")
    assert full["thinking"] == full["response"] == {1.0} and full["template"] == {0.0}
    assert weights("users_only")["thinking"] == {0.0}
    light = weights("full", "mask.weight.thinking=0.25")
    assert light["thinking"] == {0.25} and light["response"] == {1.0}
    # A factor on the prompt is none on thoughts.
    assert weights("none", "mask.prompt_weight=0.5")["thinking"] == {1.0}


def test_what_the_data_say_of_a_message_holds_for_its_thoughts() -> None:
    said = Message("assistant", "4", spans=(Span(1, 0.0),), thinking="Hm.")
    found = render(Example((Message("user", "?"), said)), OWN)
    assert {s.weight for s in found if s.role in ("thinking", "response", "end")} == {0.0}


def test_an_example_without_thoughts_keeps_its_id() -> None:
    plain = Example((Message("user", "2 and 2?"), Message("assistant", "4")))
    assert plain.id == "20845193f88a649c" != ONE.id


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"role": "user", "content": "a", "thinking": "b"}, "'thinking' of 'user', expected of"),
        (
            {"role": "assistant", "content": "a", "thinking": "b", "reasoning": "c"},
            "'thinking', 'reasoning' differ, expected one of them",
        ),
        (
            {"role": "assistant", "content": "a", "thinking": 3},
            "thinking is the number 3, expected",
        ),
    ],
)
def test_thoughts_that_are_none_are_one_line(message: dict[str, object], fault: str) -> None:
    from harness.data.shapes.chat import message_list

    with pytest.raises(DataError) as caught:
        list(message_list([message], "messages", "a.jsonl:1"))
    assert str(caught.value).startswith(f"a.jsonl:1: message 0: {fault}")


def test_a_run_learns_thoughts_and_is_scored_on_what_follows(
    tmp_path: Path, capsys: Capture
) -> None:
    model = write_model(tmp_path / "model", "qwen3")
    write_tokenizer(model, json.loads((model / "tokenizer.json").read_text()), QWEN)
    lines = [
        {"messages": [
            {"role": "user", "content": f"Say {n}."},
            {"role": "assistant", "content": f"{n}", "reasoning_content": f"It wants {n}."},
        ]}
        for n in range(30)
    ]  # fmt: skip
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = ("data.validation=0", "data.size=12", "train.lr=1e-2", "train.epochs=12",
                "score.response_tokens=30")  # fmt: skip
    cell = own_cell(tmp_path, model, *settings)
    result = execute(cell, lambda phase, share: None, Warm())
    assert result.nll["test"]["thinking"] < result.nll["base"]["thinking"]
    assert result.weight_mass["thinking"] > result.weight_mass["response"]
    audited = next(read_jsonl(cell.folder / "audit.jsonl", AuditRecord))
    thoughts = [
        t for t, role in zip(audited.tokens, audited.roles, strict=True) if role == "thinking"
    ]
    assert "".join(thoughts).startswith("It wants ") and "".join(thoughts).endswith("</think>\n\n")
    records = list(read_jsonl(cell.folder / RESPONSES, ResponseRecord))
    assert all(record.prompt.endswith("assistant\n<think>\n") for record in records)
    assert all("think" not in record.response for record in records)
    assert any(record.response for record in records)
    given = ["model=hf", f"model.path={model}", "model.context=256", "data.test=6",
             "data.validation=0", f"data.path={tmp_path / 'records.jsonl'}", "n=1"]  # fmt: skip
    assert main(["describe", *given]) == 0
    assert "│ thinking " in capsys.readouterr().out
