"""Weights in and out: our own safetensors, and Hugging Face's GPT-2 layout."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import load_file, save_file
from torch import Tensor

from harness.models.gpt import GPT, Shape
from harness.models.quantize import dequantize
from harness.paths import ASSETS

_HUGGING_FACE = {
    "tokens.weight": "wte.weight",
    "positions.weight": "wpe.weight",
    "norm.weight": "ln_f.weight",
    "norm.bias": "ln_f.bias",
}
_HUGGING_FACE_BLOCK = {
    "norm1": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "norm2": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}


class CheckpointError(ValueError):
    """Weights cannot be read or do not fit the model; one line with the file and what was
    expected.
    """


def hugging_face_name(name: str) -> str:
    """Our parameter name in transformers' GPT2Model; block matrices are stored transposed there."""
    if name in _HUGGING_FACE:
        return _HUGGING_FACE[name]
    _, number, rest = name.split(".", 2)
    part, kind = rest.rsplit(".", 1)
    return f"h.{number}.{_HUGGING_FACE_BLOCK[part]}.{kind}"


def is_transposed(name: str, tensor: Tensor) -> bool:
    """Whether Hugging Face's GPT-2 stores our parameter transposed (its Conv1D)."""
    return name.startswith("blocks.") and tensor.ndim == 2


def find(weights: str, name: str) -> Path:
    """The safetensors file that `model.weights` names for the model called `name`.

    Raises:
        CheckpointError: there is none.
    """
    if weights == "shipped":
        path = ASSETS / f"{name}.safetensors"
        if not path.is_file():
            path = ASSETS / f"{name}.safetensors.gz"
    else:
        path = Path(weights)
        if path.is_dir():
            path = path / "model.safetensors"
    for other in ("pytorch_model.bin", "model.safetensors.index.json"):
        if not path.is_file() and path.with_name(other).is_file():
            raise CheckpointError(
                f"model.weights={weights}: {other} there, expected one model.safetensors; "
                "transformers' save_pretrained(..., max_shard_size='100GB') writes that"
            )
    if not path.is_file():
        shipped = (
            ", ".join(sorted(file.name.split(".")[0] for file in ASSETS.glob("*.safetensors*")))
            or "none"
        )
        raise CheckpointError(
            f"model.weights={weights}: no file {path}, expected a folder with model.safetensors, "
            f"a .safetensors file, random, or shipped (for {shipped})"
        )
    return path


def load(path: Path, shape: Shape) -> GPT:
    """A GPT in fp32 with the weights of a file in our layout, int8 too (`harness.models.quantize`), or
    Hugging Face's.

    Raises:
        CheckpointError: the file is damaged, or a tensor is missing or of another shape.
    """
    try:
        stored = (
            parse(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else load_file(path)
        )
    except (OSError, EOFError, zlib.error, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({error})") from None
    stored = dequantize(stored)
    check_config(path.with_name("config.json"), shape)
    stored = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    model = GPT(shape)
    foreign = "wte.weight" in stored
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            key = hugging_face_name(name) if foreign else name
            if key not in stored:
                raise CheckpointError(f"{path}: tensor {key} is missing, expected a GPT of {shape}")
            tensor = stored[key].T if foreign and is_transposed(name, parameter) else stored[key]
            if tensor.shape != parameter.shape:
                got, expected = list(tensor.shape), list(parameter.shape)
                raise CheckpointError(
                    f"{path}: tensor {key} is {got}, expected {expected} for {shape}"
                )
            parameter.copy_(tensor)
    return model


def check_config(path: Path, shape: Shape) -> None:
    """Hold a Hugging Face `config.json`, where there is one, against the model's shape.

    Tensors tell neither the number of heads nor of layers above those that are read.

    Raises:
        CheckpointError: a size differs, or the file is not JSON; every key in one line.
    """
    if not path.is_file():
        return
    try:
        stored = json.loads(path.read_text("utf-8"))
        sizes = {
            name: stored.get(name)
            for name in ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
        }
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: {error}, expected a JSON object of a GPT-2") from None
    ours = (shape.vocabulary, shape.context, shape.width, shape.layers, shape.heads)
    wrong = [
        f"{name} is {found}, expected {wanted}"
        for (name, found), wanted in zip(sizes.items(), ours, strict=True)
        if found is not None and found != wanted
    ]
    if wrong:
        raise CheckpointError(f"{path}: {', '.join(wrong)}")


def save(
    tensors: Mapping[str, Tensor], path: Path, dtype: torch.dtype, metadata: dict[str, str]
) -> None:
    """Write a lone model's tensors (`GPT.of_run`) in our layout, atomically."""
    written = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(f".{path.name}.partial")
    save_file(written, partial, metadata=metadata)
    partial.replace(path)


def digest(model: GPT) -> str:
    """Sixteen hex digits over all weights, names included."""
    total = hashlib.sha256()
    for name, parameter in model.named_parameters():
        total.update(name.encode())
        total.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]
