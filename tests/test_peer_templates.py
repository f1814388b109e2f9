"""Weights against TRL's own masks: the chat templates that it ships, made fit for training and
checked by itself, on the same ids.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from harness.data.example import Example, Message
from harness.data.masks import weigh
from harness.data.own_files import Files
from harness.data.own_tokenizer import OwnTokenizer
from harness.data.prompt import render
from harness.data.tokens import tokenize
from tests.tiny import DIALOGUE, MASKS

pytestmark = pytest.mark.slow

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}"
    "{% endgeneration %}{{ '\n' }}{% else %}{{ message['content'] + '<|im_end|>' + '\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM2-Instruct's, with the marks that TRL asks for."""

THOUGHT = Example(
    (Message("user", "2 and 2?"), Message("assistant", "4", thinking="Two twos make 4."))
)


class Peer(NamedTuple):
    """A template of a family.

    Attributes:
        name: `NAME_chat_template` in TRL; "" for SmolLM2's, which TRL has not.
        end: what closes an answer, and is the tokenizer's end token.
        bos: the tokenizer's first token.
        more: what TRL trains beside ours, of a dialogue of two answers.
    """

    name: str
    end: str
    bos: str = ""
    more: str = "\n"


PEERS = [
    Peer("", "<|im_end|>", more=""),
    Peer("qwen2_5", "<|im_end|>", more="\n\n\n"),  # and the one before each answer
    Peer("llama3", "<|eot_id|>", "<|begin_of_text|>", more=""),
    Peer("phi3", "<|end|>"),
]
SPECIALS = (
    "<unk>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>", "<|end|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|user|>", "<|assistant|>", "<|system|>",
    "<|endoftext|>",
)  # fmt: skip


def tokenizer_of(peer: Peer, template: str) -> Any:
    """A token for each letter, and those that templates write."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {text: number for number, text in enumerate([*SPECIALS, *string.printable])}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    raw.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=peer.end, unk_token="<unk>", bos_token=peer.bos or None,
        extra_special_tokens=[text for text in SPECIALS if text != "<unk>"],
    )  # fmt: skip
    made.chat_template = template
    return made


def both(peer: Peer, example: Example) -> tuple[str, str]:
    """What we train and what TRL trains beside it, of the same ids."""
    trl = pytest.importorskip("trl.chat_template_utils", reason="needs the extra peers")
    template = getattr(trl, f"{peer.name}_chat_template") if peer.name else SMOLLM2
    theirs = tokenizer_of(peer, template)
    training = trl.get_training_chat_template(theirs) or template
    assert trl.is_chat_template_stop_token_trained(theirs, training)
    messages = [
        {"role": message.speaker, "content": message.content}
        | ({"reasoning_content": message.thinking} if message.thinking else {})
        for message in example.messages
    ]
    out = theirs.apply_chat_template(
        messages, chat_template=training, tokenize=True, return_dict=True,
        return_assistant_tokens_mask=True,
    )  # fmt: skip
    own = OwnTokenizer(Files("peer", Path(), ""), theirs)
    assert own.chat is not None
    tokens = tokenize(render(example, own.chat), own)
    ids = tokens.ids.tolist()
    assert out["input_ids"][: len(ids)] == ids  # nothing follows our last end
    weights = weigh(tokens, MASKS["assistant_all"], np.zeros(len(ids), np.float32))
    trained = np.array(out["assistant_masks"][: len(ids)]) > 0
    assert not ((weights > 0) & ~trained).any()
    more = own.decode(tokens.ids[trained & (weights == 0)].tolist())
    return own.decode(tokens.ids[weights > 0].tolist()), more


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name or "smollm2")
def test_assistant_all_trains_what_trl_trains_but_for_breaks_around_answers(peer: Peer) -> None:
    ours, more = both(peer, DIALOGUE)
    assert ours == f"A model.{peer.end}Of text.{peer.end}"
    assert more == peer.more


def test_thoughts_are_trained_as_trl_trains_them_but_for_the_mark_that_opens_them() -> None:
    ours, more = both(Peer("qwen3", "<|im_end|>"), THOUGHT)
    assert ours == "Two twos make 4.\n</think>\n\n4<|im_end|>"
    assert more == "<think>\n"
