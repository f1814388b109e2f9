"""Small things that many tests build on: composed runs, a toy model, hand-made examples."""

from __future__ import annotations

import json
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from harness.config.schema import Mask, Run
from harness.config.validate import parse
from harness.data.example import Example, Message, alpaca
from harness.data.prompt import render, template_faults
from harness.data.tokens import Tokens, load_tokenizer, tokenize
from harness.models.gpt import GPT, Shape
from harness.paths import CONF

BPE = load_tokenizer("bpe8k")


def run_of(*overrides: str) -> Run:
    """The run that a command line with these overrides composes."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        content = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    assert isinstance(content, dict)
    content.pop("hydra", None)
    return parse(content, Run, [template_faults])


def mask_of(name: str, *overrides: str) -> Mask:
    return run_of(f"mask={name}", *overrides).mask


MASKS = {path.stem: mask_of(path.stem) for path in sorted((CONF / "mask").glob("*.yaml"))}

EXAMPLE = alpaca("Name the capital of the country.", "France lies in Europe.", "Paris")
DIALOGUE = Example(
    (
        Message("system", "Be brief."),
        Message("user", "Who are you?"),
        Message("assistant", "A model."),
        Message("user", "Of what?"),
        Message("assistant", "Of text."),
    )
)


def tokens_of(example: Example = EXAMPLE, template: str = "headers") -> Tokens:
    return tokenize(render(example, template), BPE)


def toy(vocabulary: int = BPE.size, context: int = 128, seed: int = 1, width: int = 32) -> GPT:
    """A random GPT with weights large enough that its predictions differ from uniform."""
    model = GPT(Shape(layers=2, width=width, heads=4, vocabulary=vocabulary, context=context))
    model.initialise(seed)
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            parameter.data.mul_(5)
    return model


def write_records(path: Path, count: int, words: int = 3) -> Path:
    """A .jsonl of `count` distinct Alpaca records."""
    lines = [
        {
            "instruction": f"Say number {n} twice.",
            "input": f"The number is {n}.",
            "output": " ".join([str(n)] * words),
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
