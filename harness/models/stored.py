"""A file of weights to checked tensors: under our names, of the model's shapes, every number one
that a model can compute with.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import load_file
from torch import Tensor

from harness.data.byte_pairs import BytePairs
from harness.models.gpt import GPT, Shape
from harness.models.quantize import SCALE, dequantize
from harness.paths import ASSETS, CONF

LARGEST = 65_504.0
"""The largest number of half precision: no trained weight lies beyond it."""

HEADER_ROOM = 1 << 24
"""Bytes of a file that may be other than numbers."""

HUGGING_FACE = {
    "tokens.weight": "wte.weight",
    "positions.weight": "wpe.weight",
    "norm.weight": "ln_f.weight",
    "norm.bias": "ln_f.bias",
}
HUGGING_FACE_BLOCK = {
    "norm1": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "norm2": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}
_BUFFER = re.compile(r"h\.\d+\.attn\.(masked_)?bias")
"""Causal masks, which older files of GPT-2 hold among the weights."""


class CheckpointError(ValueError):
    """Weights cannot be read or do not fit the model; one line with the file and what was
    expected.
    """


def hugging_face_name(name: str) -> str:
    """Our parameter name in transformers' GPT2Model; block matrices are stored transposed there."""
    if name in HUGGING_FACE:
        return HUGGING_FACE[name]
    _, number, rest = name.split(".", 2)
    part, kind = rest.rsplit(".", 1)
    return f"h.{number}.{HUGGING_FACE_BLOCK[part]}.{kind}"


def is_transposed(name: str, tensor: Tensor) -> bool:
    """Whether Hugging Face's GPT-2 stores our parameter transposed (its Conv1D)."""
    return name.startswith("blocks.") and tensor.ndim == 2


def read(path: Path, shape: Shape) -> dict[str, Tensor]:
    """The tensors of a file in our layout, int8 too (`harness.models.quantize`), or in Hugging
    Face's, under our names.

    Raises:
        CheckpointError: the file is damaged, it is not of a model of this shape, or a number in it
            is not finite.
    """
    tensors = _ours(_numbers(path, shape), path)
    _hold_sizes(tensors, path, shape)
    for name, expected in _parameters(shape).items():
        if name not in tensors:
            raise CheckpointError(f"{path}: tensor {name} is missing, expected a GPT of {shape}")
        got = tuple(tensors[name].shape)
        if got != expected:
            raise CheckpointError(
                f"{path}: tensor {name} is {list(got)}, expected {list(expected)} for {shape}"
            )
    for name, tensor in tensors.items():
        if name not in _parameters(shape):
            raise CheckpointError(f"{path}: tensor {name} is none of a GPT's, expected {shape}")
        if not tensor.is_floating_point():
            raise CheckpointError(f"{path}: tensor {name} is {tensor.dtype}, expected fractions")
        largest = float(tensor.abs().max())
        if not largest <= LARGEST:  # or not a number
            raise CheckpointError(
                f"{path}: tensor {name} holds {largest:g}, expected numbers up to {LARGEST:g}"
            )
    return tensors


@cache
def _parameters(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of a GPT, by its name."""
    with torch.device("meta"):
        model = GPT(shape)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _numbers(path: Path, shape: Shape) -> dict[str, Tensor]:
    """A file's tensors as they are named there, int8 ones multiplied out."""
    try:
        stored = parse(_unpacked(path, shape)) if path.suffix == ".gz" else load_file(path)
    except (OSError, EOFError, KeyError, zlib.error, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({error})") from None
    for name, tensor in stored.items():
        if tensor.dtype == torch.int8 and name + SCALE not in stored:
            raise CheckpointError(
                f"{path}: tensor {name} is int8, expected {name}{SCALE} beside it"
            )
    return dequantize(stored)


def _unpacked(path: Path, shape: Shape) -> bytes:
    """The bytes of a gzip file, of which no more are unpacked than a model of this shape has."""
    limit = 4 * shape.parameters + HEADER_ROOM
    with gzip.open(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise CheckpointError(
            f"{path}: unpacks to more than {limit} bytes, which is more than {shape} has"
        )
    return content


def _ours(stored: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Hugging Face's tensors under our names and as we store them; ours as they are."""
    stored = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    if "wte.weight" not in stored:
        return stored
    head = stored.pop("lm_head.weight", stored["wte.weight"])
    if not torch.equal(head, stored["wte.weight"]):
        raise CheckpointError(f"{path}: lm_head.weight is not wte.weight, expected a tied head")
    theirs = {part: ours for ours, part in HUGGING_FACE_BLOCK.items()}
    outer = {theirs: ours for ours, theirs in HUGGING_FACE.items()}
    named = {}
    for name, tensor in stored.items():
        block = re.fullmatch(r"h\.(\d+)\.(.+)\.(weight|bias)", name)
        if block and block[2] in theirs:
            own = f"blocks.{block[1]}.{theirs[block[2]]}.{block[3]}"
            named[own] = tensor.T if is_transposed(own, tensor) else tensor
        elif not _BUFFER.fullmatch(name):
            named[outer.get(name, name)] = tensor
    return named


def _hold_sizes(tensors: dict[str, Tensor], path: Path, shape: Shape) -> None:
    """Hold the sizes that a file tells against the model's.

    Raises:
        CheckpointError: with every size that differs.
    """
    found = {"layers": len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})}
    for name, key in (("tokens.weight", "vocabulary"), ("positions.weight", "context")):
        if name in tensors and tensors[name].ndim == 2:
            found[key], found["width"] = tensors[name].shape
    heads = _heads(path)
    if heads:
        found["heads"] = heads
    wrong = [
        f"model.{key} is {size} there, expected {getattr(shape, key)}"
        for key, size in found.items()
        if size != getattr(shape, key)
    ]
    if wrong:
        raise CheckpointError(f"{path}: {', '.join(wrong)}")


def _heads(path: Path) -> int:
    """The number of heads, which no tensor tells: a file says it beside them, a shipped model's
    config in its place; 0 where neither does.
    """
    heads = _about(path).get("heads", 0)
    config = CONF / "model" / f"{path.name.split('.')[0]}.yaml"
    if not heads and path.parent == ASSETS and config.is_file():
        heads = yaml.safe_load(config.read_text("utf-8"))["heads"]
    return int(heads)


def hold_tokenizer(path: Path, tokenizer: BytePairs) -> None:
    """Hold the tokenizer that a file names, where it names one, against the model's.

    Raises:
        CheckpointError: it is another, so that the embeddings are those of other tokens.
    """
    named = str(_about(path).get("tokenizer"))
    if re.fullmatch("[0-9a-f]{16}", named) and named != tokenizer.digest:
        raise CheckpointError(
            f"{path}: made with the tokenizer {named}, expected {tokenizer.digest}, "
            f"which is {tokenizer.encoding.name}"
        )


def _about(path: Path) -> dict[str, Any]:
    """What a file tells of the model beside its tensors."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        metadata = json.loads(file.read(length)).get("__metadata__", {})
    try:
        # The bases that come along were written when the tokenizer stood alone.
        told = {"tokenizer": metadata.get("tokenizer"), **json.loads(metadata.get("about", "{}"))}
        int(told.get("heads", 0))
    except (ValueError, TypeError, RecursionError):
        raise CheckpointError(f"{path}: its metadata tells no number of heads") from None
    return told
