"""The schemas of what a run starts from: a GPT of ours, or a model of transformers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag
from pydantic.dataclasses import dataclass as checked

from harness.config.kinds import Positive, Rate, strict
from harness.config.names import SHORT


@checked(frozen=True, kw_only=True, config=strict)
class Model:
    """A GPT and where its initial weights come from.

    Attributes:
        name: how runs and figures call it.
        layers: number of blocks.
        width: embedding width.
        heads: attention heads; must divide the width.
        context: longest sequence, in tokens.
        tokenizer: "bpe8k" or "gpt2".
        weights: "shipped" (in the package), "random", the path of a folder or .safetensors file, or
            `hf:owner/name[@revision]` of the Hugging Face hub.
        lr: examples in the training subset -> peak learning rate tuned for this model; between two
            sizes the logarithms are interpolated, outside the nearest is taken. Used by
            `train.lr=auto`.
    """

    name: str
    layers: Positive
    width: Positive
    heads: Positive
    context: Positive
    tokenizer: Literal["bpe8k", "gpt2"]
    weights: str
    lr: dict[int, Rate]


@checked(frozen=True, kw_only=True, config=strict)
class Own:
    """A causal language model of transformers, with its own tokenizer and sizes.

    Attributes:
        name: how runs and figures call it; "auto" takes it from the path.
        path: a folder in Hugging Face's format, a .gguf file, or
            `owner/name[/file.gguf][@revision]` of the hub.
        context: longest sequence, in tokens; at most what the model takes.
        lr: as a GPT's.
    """

    name: str
    path: str
    context: Positive
    lr: dict[int, Rate]


KINDS = (Model, Own)


def _kind(value: Any) -> str:
    """Which of the two a mapping is meant for: a path tells."""
    own = "path" in value if isinstance(value, dict) else isinstance(value, Own)
    return (Own if own else Model).__name__


AnyModel = Annotated[
    Annotated[Model, Tag(Model.__name__)] | Annotated[Own, Tag(Own.__name__)], Discriminator(_kind)
]


def own_name(path: object) -> str:
    """A model's name from its path: "SmolLM2-135M" of "HuggingFaceTB/SmolLM2-135M@main"."""
    stem = str(path).split("@")[0].rstrip("/").split("/")[-1].removesuffix(".gguf")
    return re.sub(r"[^\w.+-]+", "_", stem).strip("+-_.")[:SHORT] or "own"
