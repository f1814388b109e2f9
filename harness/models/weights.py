"""Weights in and out: our own safetensors, and Hugging Face's GPT-2 layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from harness.data.hub_files import WEIGHTS as HUB_WEIGHTS
from harness.data.hub_files import hub_files, on_hub
from harness.models.base import LanguageModel
from harness.models.gpt import GPT, Shape
from harness.models.stored import CheckpointError, read
from harness.paths import ASSETS, located


def find(weights: str, name: str) -> Path:
    """The safetensors file that `model.weights` names for the model called `name`.

    Raises:
        CheckpointError: there is none.
        DataError: the hub has none, or is out of reach.
    """
    if weights == "shipped":
        path = ASSETS / f"{name}.safetensors"
        if not path.is_file():
            path = ASSETS / f"{name}.safetensors.gz"
    else:
        path = hub_files(weights, HUB_WEIGHTS) if on_hub(weights) else located(weights)
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
            f"a .safetensors file, hf:owner/name[@revision], random, or shipped (for {shipped})"
        )
    return path


def load(path: Path, shape: Shape) -> GPT:
    """A GPT in fp32 with the weights of a file.

    Raises:
        CheckpointError: as `harness.models.stored.read`, or a `config.json` beside it differs.
    """
    tensors = _read(path, shape)
    model = GPT(shape)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model


def verify(path: Path, shape: Shape) -> None:
    """Raise what `load` would; a file that has not changed since is not read again."""
    state = path.stat()
    _verified(path, state.st_size, state.st_mtime_ns, shape)


@cache
def _verified(path: Path, _size: int, _changed: int, shape: Shape) -> None:
    _read(path, shape)


def _read(path: Path, shape: Shape) -> dict[str, Tensor]:
    check_config(path.with_name("config.json"), shape)
    return read(path, shape)


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
    except (OSError, ValueError, AttributeError, RecursionError) as error:
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
    tensors: Mapping[str, Tensor], path: Path, dtype: torch.dtype, about: Mapping[str, object]
) -> None:
    """Write a lone model's tensors (`GPT.of_run`) in our layout, atomically.

    Args:
        tensors: its tensors.
        path: the file.
        dtype: in which they are written.
        about: what no tensor tells: "heads", which reading holds against the model, "tokenizer".
    """
    written = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    # One key, since safetensors writes several in a random order, and bytes shall repeat.
    write(written, path, {"about": json.dumps(about, sort_keys=True)})


def write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file, atomically.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.touch()
        mode = partial.stat().st_mode & 0o777  # safetensors makes its file for its owner alone
        save_file(tensors, partial, metadata)
        partial.chmod(mode)
    except (OSError, SafetensorError) as error:  # the latter has what the system said, and no file
        partial.unlink(missing_ok=True)
        said = getattr(error, "strerror", None) or error
        raise OSError(f"{path}: cannot be written ({said})") from None
    partial.replace(path)


def digest(model: LanguageModel) -> str:
    """Sixteen hex digits over all that is trained, names included."""
    total = hashlib.sha256()
    for name, parameter in model.named_parameters():
        total.update(name.encode())
        total.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]
