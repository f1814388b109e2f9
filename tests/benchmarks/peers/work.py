"""The work that every peer is given: the same base, token ids, steps and questions, in plain files.

Imports nothing but the standard library, so that it adds nothing to a peer's own start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORK = "work.json"
BASE = "base"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One example as token ids, its end token included.

    Attributes:
        ids: prompt, response and end token.
        prompt: number of leading ids that the model is given.
    """

    ids: list[int]
    prompt: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How everybody trains: AdamW, linear warm-up, then linear decay to 0.

    Attributes:
        batch_tokens: tokens of a step, for who counts tokens.
        batch: examples of a step, for who counts examples.
        lr: the peak learning rate.
        warmup: share of the steps with rising rate.
        weight_decay: AdamW's, on matrices.
        beta1, beta2: AdamW's.
        clip: largest gradient norm.
    """

    batch_tokens: int
    batch: int
    lr: float
    warmup: float
    weight_decay: float
    beta1: float
    beta2: float
    clip: float


@dataclass(frozen=True, kw_only=True)
class Work:
    """A fine-tuning job and the questions after it.

    Attributes:
        name: how tables call it.
        folder: where it lies; `BASE` in it is the base in Hugging Face's format.
        train, test: the examples.
        answers: the first so many of the test prompts are answered.
        answer_tokens: longest answer.
        end: id of the end token, which also pads.
        epochs: passes over `train`.
        seed: of every random choice.
        recipe: how to train.
        overrides: the same work in the words of `python -m harness`.
    """

    name: str
    folder: str
    train: list[Conversation]
    test: list[Conversation]
    answers: int
    answer_tokens: int
    end: int
    epochs: int
    seed: int
    recipe: Recipe
    overrides: list[str]

    @property
    def base(self) -> Path:
        """The base's folder."""
        return Path(self.folder) / BASE

    @property
    def targets(self) -> int:
        """Real tokens of one epoch: each example's, less the first, which nothing predicts."""
        return sum(len(item.ids) - 1 for item in self.train)

    @property
    def weighted(self) -> int:
        """Of these, the ones in the loss."""
        return sum(len(item.ids) - item.prompt for item in self.train)

    def prompts(self) -> list[list[int]]:
        """What is to be answered."""
        return [item.ids[: item.prompt] for item in self.test[: self.answers]]


def write(work: Work) -> None:
    """Write the work into its folder."""
    (Path(work.folder) / WORK).write_text(json.dumps(asdict(work)) + "\n", "utf-8")


def read(folder: Path) -> Work:
    """The work that lies in a folder."""
    content: dict[str, Any] = json.loads((folder / WORK).read_text("utf-8"))
    content["train"] = [Conversation(**item) for item in content["train"]]
    content["test"] = [Conversation(**item) for item in content["test"]]
    content["recipe"] = Recipe(**content["recipe"])
    return Work(**(content | {"folder": str(folder)}))
