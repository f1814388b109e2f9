"""Weights that do not fit the model, or that no model can compute with, are refused in one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from harness.models.gpt import Shape
from harness.models.stored import (
    CheckpointError,
    hold_tokenizer,
    hugging_face_name,
    is_transposed,
)
from harness.models.weights import find, load, save, verify, write
from tests.tiny import BPE, toy

NANO = Shape(layers=4, width=128, heads=4, vocabulary=8192, context=1024)
TOY = Shape(layers=2, width=32, heads=4, vocabulary=211, context=64)


def tensors() -> dict[str, Tensor]:
    return {
        name: parameter.detach().clone()
        for name, parameter in toy(vocabulary=211, context=64).named_parameters()
    }


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"layers": 2}, "model.layers is 4 there, expected 2"),
        ({"layers": 5}, "model.layers is 4 there, expected 5"),
        ({"heads": 8}, "model.heads is 4 there, expected 8"),
        ({"context": 512}, "model.context is 1024 there, expected 512"),
        (
            {"layers": 2, "width": 256},
            "model.layers is 4 there, expected 2, model.width is 128 there, expected 256",
        ),
    ],
)
def test_shipped_weights_are_held_against_every_size_of_the_model(
    other: dict[str, int], message: str
) -> None:
    path = find("shipped", "nano")
    with pytest.raises(CheckpointError) as caught:
        load(path, replace(NANO, **other))
    assert str(caught.value) == f"{path}: {message}"
    assert load(path, NANO).shape == NANO


@pytest.mark.parametrize("alone", [False, True])
def test_weights_of_another_tokenizer_are_refused(tmp_path: Path, alone: bool) -> None:
    path = tmp_path / "m.safetensors"
    toys = toy(vocabulary=211, context=64).of_run(0)
    for digest in ("0123456789abcdef", BPE.digest):
        if alone:  # as the bases that come along say it
            save_file({key: t.clone() for key, t in toys.items()}, path, {"tokenizer": digest})
        else:
            save(toys, path, torch.float32, {"tokenizer": digest, "heads": 4})
        if digest == BPE.digest:
            hold_tokenizer(path, BPE)
        else:
            with pytest.raises(CheckpointError) as caught:
                hold_tokenizer(path, BPE)
            assert str(caught.value) == (
                f"{path}: made with the tokenizer 0123456789abcdef, "
                f"expected {BPE.digest}, which is bpe8k"
            )


def test_saved_weights_tell_their_heads(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(toy(vocabulary=211, context=64).of_run(0), path, torch.float32, {"heads": 4})
    assert load(path, TOY).shape == TOY
    with pytest.raises(CheckpointError, match=r"m.safetensors: model.heads is 4 there, expected 2"):
        load(path, replace(TOY, heads=2))


def spoilt(name: str, value: float) -> Callable[[dict[str, Tensor]], None]:
    def spoil(stored: dict[str, Tensor]) -> None:
        stored[name].view(-1)[3:4].fill_(value)

    return spoil


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoilt("blocks.1.up.weight", float("nan")),
         "tensor blocks.1.up.weight holds nan, expected numbers up to 65504"),
        (spoilt("norm.bias", float("inf")), "tensor norm.bias holds inf"),
        (spoilt("tokens.weight", -1e38), r"tensor tokens.weight holds 1e\+38"),
        (lambda stored: stored.pop("norm.bias"), "tensor norm.bias is missing"),
        (lambda stored: stored.update({"extra": torch.zeros(2)}),
         "tensor extra is none of a GPT's"),
        (lambda stored: stored.update({"norm.bias": torch.zeros(32, dtype=torch.int32)}),
         "tensor norm.bias is torch.int32, expected fractions"),
        (lambda stored: stored.update(
            {"blocks.0.up.weight": torch.zeros(128, 32, dtype=torch.int8)}),
         "tensor blocks.0.up.weight is int8, expected blocks.0.up.weight.scale beside it"),
    ],
)  # fmt: skip
def test_a_tensor_that_cannot_be_meant_is_named(
    change: Callable[[dict[str, Tensor]], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    stored = tensors()
    change(stored)
    save_file(stored, path)
    for check in (load, verify):
        with pytest.raises(CheckpointError, match=f"m.safetensors: {message}"):
            check(path, TOY)


def test_a_gzip_that_unpacks_without_end_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors.gz"
    path.write_bytes(gzip.compress(bytes(1 << 25)) * 40)
    with pytest.raises(CheckpointError, match="unpacks to more than 16"):
        load(path, TOY)


def test_hugging_face_files_may_hold_masks_and_the_tied_head_twice_but_no_other(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.safetensors"
    stored = {
        f"transformer.{hugging_face_name(name)}": (
            tensor.T if is_transposed(name, tensor) else tensor
        ).contiguous()
        for name, tensor in tensors().items()
    }
    stored["transformer.h.0.attn.bias"] = torch.ones(1, 1, 64, 64)
    stored["lm_head.weight"] = stored["transformer.wte.weight"].clone()
    save_file(stored, path)
    loaded = dict(load(path, TOY).named_parameters())
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items())
    stored["lm_head.weight"] += 1
    save_file(stored, path)
    with pytest.raises(CheckpointError, match=r"lm_head.weight is not wte.weight"):
        load(path, TOY)


def test_a_file_that_has_changed_is_verified_anew(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file(tensors(), path)
    verify(path, TOY)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match=r"m.safetensors: cannot be read as safetensors"):
        verify(path, TOY)


def test_saved_weights_are_as_open_as_the_files_beside_them(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write(tensors(), tmp_path / "m.safetensors", {})
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
