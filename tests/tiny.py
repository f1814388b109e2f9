"""Small things that many tests build on: composed runs, a toy model, hand-made examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig

from harness.config.command_line import grammar, read
from harness.config.compose import compose, loader_of, opened, plain
from harness.config.faults import as_config_errors
from harness.config.models import Model
from harness.config.overlay import Base
from harness.config.schema import Mask, Run, Train
from harness.config.validate import parse
from harness.data.byte_pairs import load_tokenizer
from harness.data.example import Example, Message, alpaca
from harness.data.masks import weigh
from harness.data.prompt import render
from harness.data.rows import Row, shift
from harness.data.tokens import Tokens, tokenize
from harness.models.gpt import GPT, Shape
from harness.paths import CONF
from harness.records.roles import ROLE_ID
from harness.run.checks import run_faults
from harness.train.batch import Batch, batch_of, lay
from harness.train.learner import Learner
from harness.train.loop import StepSums, Training
from harness.train.steps import Course, course

BPE = load_tokenizer("bpe8k")


@cache
def run_of(*overrides: str) -> Run:
    """The run that a command line with these overrides composes."""
    loader, master, bases = composing(Path.cwd())
    with as_config_errors():
        (config,) = compose(loader, master, [read(overrides, grammar(Run), loader)], bases)
    return parse(plain(config), Run, [run_faults])


@cache
def composing(_: Path) -> tuple[ConfigLoaderImpl, DictConfig, dict[tuple[str, ...], Base]]:
    """What composing a run in this folder starts from; a choice of groups takes Hydra a while."""
    hydra = opened()
    return loader_of(hydra), hydra.compose_config("config", [], RunMode.MULTIRUN), {}


def gpt_in(run: Run) -> Model:
    """The model of a run, one of ours."""
    assert isinstance(run.model, Model)
    return run.model


def training(**changes: Any) -> Train:
    """The settings of training with other values."""
    return replace(run_of("model=nano").train, **changes)


def mask_of(name: str, *overrides: str) -> Mask:
    return run_of(f"mask={name}", *overrides).mask


class Masks(Mapping[str, Mask]):
    """The masks of conf by name, each composed when it is first asked for."""

    names = sorted(path.stem for path in (CONF / "mask").glob("[!_]*.yaml"))

    def __getitem__(self, name: str) -> Mask:
        if name not in self.names:
            raise KeyError(name)
        return mask_of(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


MASKS = Masks()

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


def assemble(rows: Sequence[Row]) -> Batch:
    """A lone run's batch of these rows."""
    return batch_of(lay(rows))


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


def unasked() -> NoReturn:
    """In place of the base's surprisal, for masks whose measure must not ask for it."""
    raise AssertionError("the base was asked")


def one_step(
    rows: Sequence[Row], normalize: str, parts: Sequence[Sequence[int]] | None = None
) -> Course:
    """One optimiser step of these rows, in micro-batches of these row numbers."""
    cuts = [np.array(part) for part in parts or [range(len(rows))]]
    train = training(normalize=normalize)
    return course(rows, [cuts], train, MASKS["none"], 1e-3)


def normalise(rows: Sequence[Row], normalize: str) -> tuple[list[Row], float]:
    """The rows with the weights that enter the loss, and the step's denominator."""
    step = one_step(rows, normalize)
    ends = np.cumsum([len(row.inputs) for row in rows])[:-1]
    weights = np.split(step.rows.weights, ends)
    scaled = [row._replace(weights=own) for row, own in zip(rows, weights, strict=True)]
    return scaled, step.steps[0].denominator


def accumulate(model: GPT, step: Course) -> StepSums:
    """Add the gradient of a one-step course to the model's."""
    train = training(micro_tokens=10**9)
    learner = Learner(train, lambda _: step, lambda _: None, step)
    return Training(model, [learner], train.micro_tokens).accumulate(train.micro_tokens)


def random_rows(count: int, vocabulary: int, seed: int, mask: str) -> list[Row]:
    """Rows of random tokens, some prompt and some response, with the weights of a mask."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        prompt, response = rng.integers(1, 8), rng.integers(1, 6)
        roles = ["template"] + ["instruction"] * prompt + ["response"] * response + ["end"]
        ids = rng.integers(0, vocabulary, len(roles)).astype(np.int32)
        stamped = np.array([ROLE_ID[role] for role in roles], np.int8)
        tokens = Tokens(ids, stamped, np.zeros(len(roles), np.int16))
        rows.append(shift(tokens, weigh(tokens, MASKS[mask], rng.random(len(roles), np.float32))))
    return rows
