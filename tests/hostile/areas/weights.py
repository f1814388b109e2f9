"""Weights that are truncated, damaged, of other shapes, or of more blocks than are asked for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from tests.hostile.case import Area, Make, toy
from tests.hostile.make import bomb, data, directory, fifo, link, several, sparse, text

AREA = Area("weights")
refuse, work = AREA.refuse, AREA.work

FILE = "w/model.safetensors"
USE = toy("model.weights=w", "train.lr=1e-3")
VOCABULARY, CONTEXT, WIDTH = 8_192, 64, 32
Tensors = dict[str, NDArray[Any]]


def gpt(layers: int = 1, width: int = WIDTH, **other: int) -> Tensors:
    """The tensors of a small GPT in our layout."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "tokens.weight": (other.get("vocabulary", VOCABULARY), width),
        "positions.weight": (other.get("context", CONTEXT), width),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for layer in range(layers):
        for name, rows, columns in (
            ("attention.qkv", 3 * width, width),
            ("attention.out", width, width),
            ("up", 4 * width, width),
            ("down", width, 4 * width),
        ):
            shapes[f"blocks.{layer}.{name}.weight"] = (rows, columns)
            shapes[f"blocks.{layer}.{name}.bias"] = (rows,)
        for name in ("norm1", "norm2"):
            shapes[f"blocks.{layer}.{name}.weight"] = (width,)
            shapes[f"blocks.{layer}.{name}.bias"] = (width,)
    return {name: rng.normal(0, 0.02, shape).astype(np.float32) for name, shape in shapes.items()}


def stored(tensors: Tensors, metadata: dict[str, str] | None = None) -> Make:
    """The tensors in the weights' file."""
    return lambda folder: _write(folder / FILE, save(dict(tensors), metadata))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def filled(name: str, value: float) -> Tensors:
    """A small GPT, one tensor of which holds a value once."""
    tensors = gpt()
    tensors[name].flat[0] = value
    return tensors


def without(name: str) -> Tensors:
    """A small GPT that lacks a tensor."""
    tensors = gpt()
    del tensors[name]
    return tensors


SOUND = save(gpt())
HEAD = int.from_bytes(SOUND[:8], "little")


def header(content: object) -> bytes:
    """A safetensors file of a header alone."""
    said = json.dumps(content).encode()
    return len(said).to_bytes(8, "little") + said


# The shipped weights, held against the model that is asked for.
SHIPPED = toy("model=nano", "model.weights=shipped", "model.layers=4", "model.width=128",
              "model.heads=4", "model.context=1024", "train.lr=1e-3")  # fmt: skip


def shipped(*overrides: str) -> list[str]:
    """The toy run on the shipped nano, with other values."""
    given = {override.partition("=")[0] for override in overrides}
    return [*(word for word in SHIPPED if word.partition("=")[0] not in given), *overrides]


refuse(
    "half of the shipped blocks", shipped("model.layers=2"), "model.layers=2|layers.*4|4.*blocks"
)
refuse("more than the shipped blocks", shipped("model.layers=5"), "nano.*(blocks|layers)")
refuse("other heads than the shipped", shipped("model.heads=8"), "heads")
refuse("one head for the shipped four", shipped("model.heads=1"), "heads")
refuse("another width than the shipped", shipped("model.width=256"), "nano.*(width|256)")
refuse("a shorter context than the shipped", shipped("model.context=2048"), "nano.*(context|2048)")
refuse("nothing shipped by this name", shipped("model.name=mine"), "shipped.*nano")

# Files of other shapes.
TENSORS: dict[str, Tensors] = {
    "a block more": gpt(layers=2),
    "a wider model": gpt(width=64),
    "another vocabulary": gpt(vocabulary=8_000),
    "a shorter context": gpt(context=32),
    "a tensor missing": without("norm.bias"),
    "a block's tensor missing": without("blocks.0.up.weight"),
    "a tensor more": gpt() | {"extra.weight": np.zeros(3, np.float32)},
    "a flat tensor": gpt() | {"norm.weight": np.zeros((WIDTH, 1), np.float32)},
    "a matrix of whole numbers": gpt() | {"blocks.0.up.weight": np.zeros((128, 32), np.int8)},
    "a matrix without a scale": {
        **gpt(),
        "blocks.0.up.weight": np.ones((128, 32), np.int8),
    },
    "no tensors": {},
    "a number that is none": filled("blocks.0.up.weight", np.nan),
    "a bias that is none": filled("norm.bias", np.nan),
    "an embedding of infinity": filled("tokens.weight", np.inf),
    "a number of 1e38": filled("tokens.weight", 1e38),
    "all numbers none": {name: np.full_like(t, np.nan) for name, t in gpt().items()},
}
for name, tensors in TENSORS.items():
    refuse(name, USE, r"model\.safetensors", make=stored(tensors))
refuse("metadata of other things", USE, r"model\.safetensors",
       make=stored(gpt(), {"about": "[" * 9_999}))  # fmt: skip
refuse("metadata of other heads", USE, r"model\.safetensors.*heads",
       make=stored(gpt(), {"about": '{"heads": 4}'}))  # fmt: skip
refuse("weights of another tokenizer", USE, r"model\.safetensors.*tokenizer|tokenizer.*safetensors",
       make=stored(gpt(), {"tokenizer": "0123456789abcdef"}))  # fmt: skip

# Files that are none.
for name, raw in {
    "an empty file": b"",
    "seven bytes": b"1234567",
    "cut in the header": SOUND[:100],
    "cut in the tensors": SOUND[:-1_000],
    "bytes too many": SOUND + b"\x00" * 1_000,
    "a header of zero bytes": bytes(8),
    "a header of 16 exabytes": b"\xff" * 8,
    "a header that is no JSON": (20).to_bytes(8, "little") + b"x" * 20,
    "a header of a list": header([1, 2]),
    "a header 100,000 deep": (200_000).to_bytes(8, "little") + b"[" * 100_000 + b"]" * 100_000,
    "offsets beyond the end": header(
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    ),
    "a shape of ten to the eighteen": header(
        {"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 0]}}
    ),
    "an unknown type": header({"a": {"dtype": "F3", "shape": [], "data_offsets": [0, 0]}}),
    "a pickle": b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94.",
    "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
}.items():
    refuse(name, USE, r"model\.safetensors", make=data(FILE, raw))

refuse("a folder without weights", USE, "w", make=directory("w"))
refuse("no such path", USE, "weights=w")
refuse("an empty path", toy("model.weights=''"), "model.weights")
refuse("a folder in place of the file", USE, r"w", make=directory(FILE))
refuse("a named pipe", USE, r"w", make=several(directory("w"), fifo(FILE)))
refuse("a device without end", USE, r"w", make=several(directory("w"), link(FILE, "/dev/zero")))
refuse("a hundred gigabytes of zeros", USE, r"model\.safetensors",
       make=several(directory("w"), sparse(FILE, 100)))  # fmt: skip
PACKED = "model.safetensors.gz"
USE_PACKED = toy(f"model.weights={PACKED}", "train.lr=1e-3")
refuse("a gzip bomb", USE_PACKED, PACKED, make=bomb(PACKED, 10, b"\x00"))
refuse("gzip cut short", USE_PACKED, PACKED, make=data(PACKED, gzip.compress(SOUND, 1)[:-99]))
refuse("gzip with a broken stream", USE_PACKED, PACKED,
       make=data(PACKED, gzip.compress(SOUND, 1)[:50] + b"\xff" * 500))  # fmt: skip

# What lies beside them.
for name, content in {
    "a config that is no JSON": "{",
    "a config of a list": "[]",
    "a config of other sizes": '{"n_layer": 12, "n_head": 12}',
    "a config with a text for a size": '{"n_layer": "one"}',
    "a config 100,000 deep": "[" * 100_000,
    "a config that is no UTF-8": "\udcff",
}.items():
    refuse(name, USE, r"config\.json", make=several(stored(gpt()), text("w/config.json", content)))
GPT2 = [word for word in USE if not word.startswith("model.tokenizer")] + ["model.tokenizer=gpt2"]
for name, file, content in (
    ("a tokenizer that is no JSON", "tokenizer.json", "{"),
    ("a tokenizer of a list", "tokenizer.json", "[]"),
    ("a tokenizer without tokens", "tokenizer.json", '{"model": {"vocab": {}}}'),
    ("a tokenizer of a few tokens", "tokenizer.json", '{"model": {"vocab": {"a": 0, "b": 0}}}'),
    ("a tokenizer 100,000 deep", "tokenizer.json", "[" * 100_000),
):
    refuse(
        name,
        GPT2,
        "tokenizer|model.tokenizer",
        make=several(stored(gpt()), text(f"w/{file}", content)),
    )
refuse("ranks that are none", GPT2, "vocab|encoder|tokenizer", make=several(
    stored(gpt()), text("w/vocab.json", "{"), text("w/merges.txt", "x")))  # fmt: skip

work("a sound file", USE, leaves=("runs/s/*/result.json",), make=stored(gpt()))
