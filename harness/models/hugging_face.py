"""A GPT in Hugging Face's format, as transformers, vLLM, lm-evaluation-harness and TRL load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from harness.data.byte_level import CHARACTERS, END
from harness.data.byte_pairs import BytePairs
from harness.models.gpt import GPT, Shape
from harness.models.stored import hugging_face_name, is_transposed
from harness.models.weights import write
from harness.records.storage import write_json


def export(model: GPT, tokenizer: BytePairs, out: Path) -> None:
    """Write the folder; what else lies in it stays.

    Raises:
        OSError: the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, parameter in model.named_parameters():
        tensor = parameter.detach().to("cpu", torch.float32)
        tensors[f"transformer.{hugging_face_name(name)}"] = (
            tensor.T if is_transposed(name, tensor) else tensor
        ).contiguous()
    write(tensors, out / "model.safetensors", {"format": "pt"})
    write_json(out / "config.json", model_config(model.shape, tokenizer))
    write_json(
        out / "generation_config.json",
        {"bos_token_id": tokenizer.end, "eos_token_id": tokenizer.end},
    )
    write_json(out / "tokenizer.json", tokenizer_file(tokenizer))
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": END,
            "eos_token": END,
            "unk_token": END,
            "model_max_length": model.shape.context,
            "clean_up_tokenization_spaces": False,
        },
    )


def model_config(shape: Shape, tokenizer: BytePairs) -> dict[str, Any]:
    """`config.json` of a GPT2LMHeadModel."""
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": shape.vocabulary,
        "n_positions": shape.context,
        "n_embd": shape.width,
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.end,
        "eos_token_id": tokenizer.end,
        "dtype": "float32",
        "torch_dtype": "float32",
    }


def _merges(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """The merges that a vocabulary's ranks stand for.

    tiktoken merges any two neighbours whose union is a token, the lowest rank first. So every way
    to cut a token in two tokens is a merge, in the order of the token's rank (as in transformers'
    TikTokenConverter).
    """
    for token, _ in sorted(ranks.items(), key=lambda item: item[1]):
        cuts = [(token[:place], token[place:]) for place in range(1, len(token))]
        halves = [(left, right) for left, right in cuts if left in ranks and right in ranks]
        halves.sort(key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
        yield from halves


def tokenizer_file(tokenizer: BytePairs) -> dict[str, Any]:
    """`tokenizer.json` of Hugging Face's tokenizers, with the merges recovered from the ranks."""
    ranks: dict[bytes, int] = tokenizer.encoding._mergeable_ranks
    spelled = {token: "".join(map(CHARACTERS.__getitem__, token)) for token in ranks}
    split = {
        "type": "Split",
        "pattern": {"Regex": tokenizer.encoding._pat_str},
        "behavior": "Isolated",
        "invert": False,
    }
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": tokenizer.end,
                "content": END,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,  # a piece that is a token stays whole, as in tiktoken
            "vocab": {spelled[token]: rank for token, rank in ranks.items()},
            "merges": [[spelled[left], spelled[right]] for left, right in _merges(ranks)],
        },
    }
