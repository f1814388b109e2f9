"""Tiny random models of transformers, written where a test says, with a tokenizer and a chat
template of their own.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers

from harness.config.models import Own
from harness.engine.cells import cells_of
from harness.models.hugging_face import tokenizer_file
from harness.run.identity import Cell
from tests.tiny import BPE, run_of, write_records

SPECIALS = ("<bos>", "<|im_start|>", "<|im_end|>")
BOS, START, END = range(BPE.size, BPE.size + 3)

CHATML = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SIZES = {
    "vocab_size": BPE.size + 3, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 512,
    "bos_token_id": BOS, "eos_token_id": END, "pad_token_id": END,
}  # fmt: skip

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2, "head_dim": 8},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": True},
    "gemma": {"num_key_value_heads": 1, "head_dim": 8},
    "gemma2": {
        "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 16,
        "final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 8,
    },
    "gpt_neox": {},
    "phi": {"num_key_value_heads": 4},
}  # fmt: skip
"""Family -> what its config says beside `SIZES`: untied or tied heads, a soft cap, a bias."""


def spec() -> dict[str, Any]:
    """`tokenizer.json`, with three special tokens more; its vocabulary is shared by all."""
    made = _plain_spec()
    (end,) = made["added_tokens"]
    more = [
        {**end, "id": BPE.size + number, "content": content}
        for number, content in enumerate(SPECIALS)
    ]
    return {**made, "added_tokens": [end, *more]}


@cache
def _plain_spec() -> dict[str, Any]:
    return tokenizer_file(BPE)


def opening_spec() -> dict[str, Any]:
    """The same, beginning each text with <bos>."""
    made = spec()
    made["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<bos>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<bos>": {"id": "<bos>", "ids": [BOS], "tokens": ["<bos>"]}},
    }
    return made


def write_tokenizer(folder: Path, made: dict[str, Any], template: str | None = CHATML) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(made), "utf-8")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>",
        "eos_token": "<|im_end|>",
    }  # fmt: skip
    if template is not None:
        config["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def write_model(folder: Path, family: str, **changes: Any) -> Path:
    """A model of the family whose predictions differ from uniform; the folder."""
    config = transformers.AutoConfig.for_model(
        family, **{**SIZES, **FAMILIES.get(family, {}), **changes}
    )
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
            elif "bias" in name:
                parameter.normal_(std=0.1)
    model.save_pretrained(folder)
    write_tokenizer(folder, spec())
    return folder


def path_of(cell: Cell) -> str:
    """The `model.path` of a run."""
    assert isinstance(cell.run.model, Own)
    return cell.run.model.path


def own_cell(folder: Path, model: Path, *overrides: str) -> Cell:
    """A run on 8 records with this model."""
    data = folder / "records.jsonl"
    if not data.exists():
        write_records(data, 40)
    settings = (
        "model=hf", f"model.path={model}", "model.context=256", "data=file", f"data.path={data}",
        "data.size=8", "data.validation=4", "data.test=6", "train.epochs=2",
        "train.batch_tokens=256", "train.lr=1e-3", "score.responses=4", "score.response_tokens=6",
        "device=cpu", "sweep=tiny", f"runs={folder / 'runs'}", *overrides,
    )  # fmt: skip
    return cells_of([run_of(*settings)])[0]
