"""Weights against the labels that other systems make of the same records, written anew from what
they document.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.data.example import Example, alpaca
from harness.data.masks import weigh
from harness.data.prompt import render, render_prompt
from harness.data.sources import load
from harness.data.tokens import tokenize
from harness.records.roles import ROLE_ID
from tests.tiny import BPE, DIALOGUE, EXAMPLE, MASKS, run_of, tokens_of

IGNORED = -100
RECORDS = [
    alpaca("Name the capital of the country.", "France lies in Europe.", "Paris"),
    alpaca("Say hello.", "", "Hello there, ### Response: you."),
    *load(run_of().data).test[:20],
]


def ours(example: Example, mask: str, template: str = "alpaca") -> tuple[list[int], list[float]]:
    """Ids and weights, aligned."""
    tokens = tokens_of(example, template)
    return tokens.ids.tolist(), weigh(
        tokens, MASKS[mask], np.zeros(len(tokens.ids), np.float32)
    ).tolist()


def from_scratch_labels(example: Example, length: int, mask_instructions: bool) -> list[int]:
    """LLMs-from-scratch, chapter 7: pad with the end token, shift, ignore all pads but the first;
    the masked variant ignores the formatted instruction, whose '### Response:' header is no part of
    it. Labels [length].
    """
    message = example.messages[0]
    asked = (
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request."
        f"\n\n### Instruction:\n{message.content}"
    )
    parts = [
        *(
            segment
            for segment in render(example, "alpaca")
            if segment.role not in ("response", "end")
        )
    ]
    instruction = parts[:-1]  # all but the header
    assert "".join(part.text for part in instruction).startswith(asked)
    ids = tokenize(render(example, "alpaca"), BPE).ids.tolist()[:-1]
    padded = ids + [BPE.end] * (length + 1 - len(ids))
    targets: list[int] = padded[1:]
    first_pad = len(ids) - 1
    targets[first_pad + 1 :] = [IGNORED] * (length - first_pad - 1)
    if mask_instructions:
        count = len(tokenize(tuple(instruction), BPE).ids)
        targets[: count - 1] = [IGNORED] * (count - 1)
    return targets


@pytest.mark.parametrize("example", RECORDS, ids=lambda example: example.id)
def test_none_equals_the_unmasked_collate_of_llms_from_scratch(example: Example) -> None:
    ids, weights = ours(example, "none")
    labels = from_scratch_labels(example, len(ids) + 5, mask_instructions=False)
    assert labels == [*ids[1:], *[IGNORED] * 6]
    assert [label != IGNORED for label in labels[: len(ids) - 1]] == [
        weight > 0 for weight in weights[1:]
    ]


@pytest.mark.parametrize("example", RECORDS, ids=lambda example: example.id)
def test_full_equals_the_masked_collate_but_for_the_header_that_it_leaves_in(
    example: Example,
) -> None:
    tokens = tokens_of(example, "alpaca")
    ids, weights = ours(example, "full")
    labels = from_scratch_labels(example, len(ids) + 2, mask_instructions=True)
    theirs = np.array([label != IGNORED for label in labels[: len(ids) - 1]])
    mine = np.array(weights[1:]) > 0
    assert not (mine & ~theirs).any()
    more = theirs & ~mine
    assert BPE.decode(tokens.ids[1:][more].tolist()) == "\n\n### Response:\n"
    assert set(tokens.roles[1:][more]) == {ROLE_ID["template"]}


@pytest.mark.parametrize(
    ("weights", "mask"),
    [((1, 1), "assistant_all"), ((1, 0), "assistant_first"), ((0, 1), "assistant_last")],
)
def test_turns_equal_a_weight_per_assistant_message(weights: tuple[int, int], mask: str) -> None:
    """OpenAI's fine-tuning format: an assistant message may carry `weight` 0 or 1; other messages
    are never trained.
    """
    tokens = tokens_of(DIALOGUE)
    said = np.isin(tokens.roles, [ROLE_ID["response"], ROLE_ID["end"]])
    expected = said * np.array(weights)[tokens.turns]
    assert (weigh(tokens, MASKS[mask], np.zeros(len(tokens.ids), np.float32)) == expected).all()


def trl_rows(kind: str, rows: list[dict[str, object]], folder: str) -> list[str]:
    """What TRL's SFTTrainer trains on: the text of each row's labels that are not ignored, one
    character a token.
    """
    trl = pytest.importorskip("trl", reason="needs the extra peers")
    from datasets import Dataset
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    letters = sorted(
        {character for example in [*RECORDS, DIALOGUE] for character in letters_of(example)}
    )
    vocabulary = {text: number for number, text in enumerate(["<end>", "<unk>", *letters])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    raw.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}"
        "{% if m.role == 'assistant' %}### Response:\n"
        "{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}"
        "{% else %}{{ m.role }}: {{ m.content }}\n{% endif %}"
        "{% endfor %}"
    )
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(vocabulary), n_embd=8, n_layer=1, n_head=1, n_positions=2048)
    )
    config = trl.SFTConfig(
        output_dir=folder, report_to=[], use_cpu=True, bf16=False, max_length=None, **{kind: True}
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )
    batch = [trainer.data_collator([row])["labels"][0].tolist() for row in trainer.train_dataset]
    kept = ([label for label in labels if label != IGNORED] for labels in batch)
    return [str(tokenizer.decode(ids)) for ids in kept]


def letters_of(example: Example) -> str:
    return "user: system: ### Response:\n" + "".join(
        segment.text for segment in render(example, "alpaca")
    )


def weighted_text(example: Example, mask: str) -> str:
    ids, weights = ours(example, mask)
    kept = [token for token, weight in zip(ids, weights, strict=True) if weight]
    return BPE.decode(kept).replace("<|endoftext|>", "<end>")


def test_full_trains_the_text_of_trls_completion_only_loss(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "prompt": "".join(segment.text for segment in render_prompt(example, "alpaca")),
            "completion": example.response,
        }
        for example in RECORDS
    ]
    assert trl_rows("completion_only_loss", rows, str(tmp_path)) == [
        weighted_text(e, "full") for e in RECORDS
    ]


def test_assistant_all_trains_the_text_of_trls_assistant_only_loss(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"messages": [{"role": m.speaker, "content": m.content} for m in example.messages]}
        for example in (DIALOGUE, EXAMPLE)
    ]
    expected = [weighted_text(example, "assistant_all") for example in (DIALOGUE, EXAMPLE)]
    assert trl_rows("assistant_only_loss", rows, str(tmp_path)) == expected
