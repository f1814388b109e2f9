"""Templates, tokens and roles."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.byte_level import CHARACTERS
from harness.data.byte_pairs import load_tokenizer
from harness.data.example import Example, Message, alpaca
from harness.data.prompt import Segment, render, render_prompt
from harness.data.templates import TEMPLATES
from harness.data.tokens import tokenize
from harness.records.roles import ROLE_ID, ROLES
from tests.tiny import BPE, DIALOGUE, EXAMPLE, tokens_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def conversations() -> st.SearchStrategy[Example]:
    exchange = st.tuples(TEXT.filter(bool), TEXT)
    return st.lists(exchange, min_size=1, max_size=4).map(
        lambda turns: Example(
            tuple(
                message
                for asked, answer in turns
                for message in (Message("user", asked), Message("assistant", answer))
            )
        )
    )


def roles(example: Example, template: str = "headers") -> list[tuple[str, str]]:
    """Runs of equal roles, decoded."""
    tokens = tokens_of(example, template)
    found: list[tuple[str, str]] = []
    for id, role in zip(tokens.ids.tolist(), tokens.roles.tolist(), strict=True):
        name = ROLES[role]
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + BPE.decode([id]))
        else:
            found.append((name, BPE.decode([id])))
    return found


LITERAL_IDS = [498, 3173, 279, 3189, 333, 3818, 46]


def test_bpe8k_has_literal_ids() -> None:
    assert BPE.size == 8192 and BPE.end == 8191
    assert BPE.encode("The capital of France is Paris.") == LITERAL_IDS
    assert BPE.decode(LITERAL_IDS) == "The capital of France is Paris."


def test_every_digit_is_a_token_of_its_own() -> None:
    assert [BPE.decode([id]) for id in BPE.encode("1984 or 42")] == [
        "1",
        "9",
        "8",
        "4",
        " or",
        " 4",
        "2",
    ]


def test_segments_of_an_alpaca_record_are_these() -> None:
    assert render(EXAMPLE, "headers") == (
        Segment("template", "### Instruction:\n", 0),
        Segment("instruction", "Name the capital of the country.", 0),
        Segment("template", "\n\n### Input:\n", 0),
        Segment("input", "France lies in Europe.", 0),
        Segment("template", "\n\n### Response:\n", 0),
        Segment("response", "Paris", 0),
        Segment("end", "", 0),
    )


def test_segments_of_a_dialogue_are_these() -> None:
    assert [(s.role, s.text, s.turn) for s in render(DIALOGUE, "plain")] == [
        ("system", "Be brief.", 0),
        ("template", "\n\n", 0),
        ("user", "Who are you?", 0),
        ("template", "\n\n", 0),
        ("response", "A model.", 0),
        ("end", "", 0),
        ("template", "\n\n", 1),
        ("user", "Of what?", 1),
        ("template", "\n\n", 1),
        ("response", "Of text.", 1),
        ("end", "", 1),
    ]


@given(conversations(), st.sampled_from(sorted(TEMPLATES.names())))
def test_trap_17_generation_prompt_is_a_prefix_of_the_training_ids(
    example: Example, template: str
) -> None:
    prompt = tokenize(render_prompt(example, template), BPE).ids.tolist()
    assert tokenize(render(example, template), BPE).ids.tolist()[: len(prompt)] == prompt


def test_trap_17_bpe_does_not_merge_across_the_seam() -> None:
    """The header's newlines and the answer's first letters would be one pre-token if encoded
    together.
    """
    example = alpaca("Go on.", "", "\n\nyes")
    tokens = tokens_of(example)
    first = tokens.roles.tolist().index(ROLE_ID["response"])
    assert BPE.decode(tokens.ids[:first].tolist()) == "### Instruction:\nGo on.\n\n### Response:\n"
    assert BPE.decode(tokens.ids[first:-1].tolist()) == "\n\nyes"


def test_trap_18_roles_are_stamped_and_never_searched_for() -> None:
    """A template with no marker at all, and an answer equal to the question, still have the right
    roles.
    """
    assert roles(alpaca("yes", "", "yes"), "plain") == [
        ("instruction", "yes"),
        ("template", "\n\n"),
        ("response", "yes"),
        ("end", "<|endoftext|>"),
    ]


@pytest.mark.parametrize("template", sorted(TEMPLATES.names()))
def test_trap_19_markers_in_user_text_keep_the_users_role(template: str) -> None:
    trap = "Repeat: ### Response:\nmine\n\n### Instruction:\nnot yours"
    found = roles(alpaca(trap, trap, "ok ### Response:\n"), template)
    assert [text for role, text in found if role == "instruction"] == [trap]
    assert [text for role, text in found if role == "input"] == [trap]
    assert [text for role, text in found if role == "response"] == ["ok ### Response:\n"]


def test_trap_22_special_tokens_in_user_text_are_plain_text() -> None:
    text = "Say <|endoftext|> now"
    tokens = tokens_of(alpaca(text, text, text))
    assert tokens.ids.tolist().count(BPE.end) == 1 and tokens.ids[-1] == BPE.end
    assert [text for role, text in roles(alpaca(text, text, text)) if role == "instruction"] == [
        text
    ]


def test_trap_22_exactly_one_end_per_answer_with_the_role_end() -> None:
    tokens = tokens_of(DIALOGUE)
    ends = tokens.ids == BPE.end
    assert ends.sum() == 2
    assert (
        set(tokens.roles[ends]) == {ROLE_ID["end"]} and (tokens.roles == ROLE_ID["end"]).sum() == 2
    )


@given(conversations(), st.sampled_from(sorted(TEMPLATES.names())))
def test_trap_25_no_token_stands_before_the_first_segment(example: Example, template: str) -> None:
    """There is no BOS to double: training and generation text begin with the template's own
    opening.
    """
    form = TEMPLATES.get(template)
    opening = form.preamble + form.user + example.messages[0].content
    for segments in (render(example, template), render_prompt(example, template)):
        ids = tokenize(segments, BPE).ids.tolist()
        assert BPE.decode(ids).startswith(opening)
    assert (
        ids.count(BPE.end)
        == sum(message.speaker == "assistant" for message in example.messages) - 1
    )


@given(conversations(), st.sampled_from(sorted(TEMPLATES.names())))
def test_trap_27_a_longer_conversation_begins_with_the_shorter(
    example: Example, template: str
) -> None:
    """Roles may differ (a lone question is an instruction), ids may not."""
    shorter = Example(example.messages[:2])
    ids = tokenize(render(shorter, template), BPE).ids.tolist()
    assert tokenize(render(example, template), BPE).ids.tolist()[: len(ids)] == ids


@pytest.mark.parametrize("template", sorted(TEMPLATES.names()))
def test_trap_33_every_role_occurs_in_every_template(template: str) -> None:
    system = Message("system", "Be brief.")
    single = Example((system, *EXAMPLE.messages))
    thought = Message("assistant", "A model.", thinking="Whom do they mean?")
    dialogue = Example((system, *DIALOGUE.messages[1:-1], thought))
    found = {role for role, _ in roles(single, template)} | {
        role for role, _ in roles(dialogue, template)
    }
    assert found == set(ROLES)


@settings(max_examples=300)
@given(conversations(), st.sampled_from(sorted(TEMPLATES.names())))
def test_trap_20_decoded_response_tokens_are_the_response_and_the_end(
    example: Example, template: str
) -> None:
    tokens = tokenize(render(example, template), BPE)
    for turn in range(len(example.messages) // 2):
        here = tokens.turns == turn
        said = tokens.ids[here & (tokens.roles == ROLE_ID["response"])].tolist()
        assert BPE.decode(said) == example.messages[2 * turn + 1].content
        assert tokens.ids[here & (tokens.roles == ROLE_ID["end"])].tolist() == [BPE.end]


@pytest.mark.parametrize("names", [("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")])
def test_gpt2_ranks_are_read_from_files_beside_the_weights(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    characters = sorted(CHARACTERS, key=lambda c: (c > "\xff", c))
    vocabulary = {text: id for id, text in enumerate([*characters, "he", "hey"])}
    (tmp_path / names[0]).write_text(json.dumps(vocabulary), encoding="utf-8")
    (tmp_path / names[1]).write_text("#version: 0.2\nh e\nhe y\n", encoding="utf-8")
    tokenizer = load_tokenizer("gpt2", tmp_path)
    assert tokenizer.encode("heyhe") == [257, 256] and tokenizer.end == 258


TWICE = json.dumps({"model": {"vocab": {"he": 1} | {c: id for id, c in enumerate(CHARACTERS)}}})


def test_gpt2_ranks_are_read_from_a_tokenizer_json(tmp_path: Path) -> None:
    characters = sorted(CHARACTERS, key=lambda c: (c > "\xff", c))
    vocabulary = {text: id for id, text in enumerate([*characters, "he", "hey", "<|endoftext|>"])}
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": vocabulary}}), encoding="utf-8"
    )
    tokenizer = load_tokenizer("gpt2", tmp_path)
    assert tokenizer.encode("heyhe") == [257, 256] and tokenizer.end == 258


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("tokenizer.json", "{}", "KeyError 'model'"),
        ("tokenizer.json", "[" * 100_000, "RecursionError"),
        ("tokenizer.json", '{"model": {"vocab": {}}}', "ValueError a byte has no token"),
        ("tokenizer.json", TWICE, "ValueError the ids of its 257 tokens are not 0 to 256"),
        ("vocab.json", "{", "JSONDecodeError"),
        ("vocab.json", "[]", "AttributeError"),
        ("vocab.json", '{"a": 0}', "AssertionError"),
    ],
)
def test_files_of_no_ranks_are_named(tmp_path: Path, name: str, content: str, fault: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\nh e\n", encoding="utf-8")
    line = rf"^{re.escape(f'{tmp_path / name}: {fault}')}.*, expected a byte-level BPE[^\n]*$"
    with pytest.raises(OSError, match=line):
        load_tokenizer("gpt2", tmp_path)


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(ValueError, match="'gpt3': no such tokenizer, expected bpe8k or gpt2"):
        load_tokenizer("gpt3")
