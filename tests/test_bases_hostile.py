"""Shards, checkpoints and rates that a base cannot be made of are named in one line."""

from __future__ import annotations

import lzma
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from harness.bases import midway
from harness.bases.assess import held_out
from harness.bases.corpus import documents, token_array
from harness.bases.pretrain import pretrain, texts
from harness.config.commands import Pretrain
from harness.config.validate import parse
from harness.models.weights import write
from harness.paths import CONF
from harness.records import RoleLoss
from harness.records.storage import append, write_json
from tests.tiny import BPE, toy

SHARD = "".join(f"Ann went home. Number {n} stayed there.\n<|endoftext|>\n" for n in range(60))


def config(folder: Path, **other: Any) -> Pretrain:
    """A pretraining of a toy model on two shards in `folder`."""
    for name in ("a.txt", "b.txt"):
        if not (folder / name).exists():
            (folder / name).write_text(SHARD)
    content, model = (
        OmegaConf.to_container(OmegaConf.load(CONF / name))
        for name in ("pretrain.yaml", "model/nano.yaml")
    )
    assert isinstance(content, dict) and isinstance(model, dict)
    del content["defaults"]
    content |= {
        "model": model | {"lr": {100: 1e-3}, "layers": 1, "width": 32, "heads": 2, "context": 32},
        "corpus": [str(folder / "a.txt")], "valid": str(folder / "b.txt"), "out": str(folder / "o"),
        "tokens": 512, "batch_tokens": 128, "micro_tokens": 128, "optimizer": "adamw", "lr": 3e-3,
        "warmup_steps": 0, "evaluate_every": 50, "precision": "fp32", "compile": False,
        "device": "cpu", **other,
    }  # fmt: skip
    return parse({str(key): value for key, value in content.items()}, Pretrain)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt.xz", lzma.compress(SHARD.encode())[:-30], "a.txt.xz: Compressed file ended before"),
        ("a.txt.xz", SHARD.encode(), "a.txt.xz: Input format not supported by decoder"),
        ("a.txt", b"\xff\xfe" * 50, "a.txt: 'utf-8' codec can't decode"),
    ],
)
def test_a_damaged_shard_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^corpus shard .*{message}"):
        list(documents(path))


def test_a_pipe_is_no_shard(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    for read in (lambda path: list(documents(path)), lambda path: token_array(path, BPE, tmp_path)):
        with pytest.raises(FileNotFoundError, match=r"corpus shard .*a.txt: no such file"):
            read(tmp_path / "a.txt")


def test_shards_without_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("Short.\n")
    for key, value, message in (
        ("corpus", [], r"corpus=\[\]: expected at least one shard"),
        ("corpus", [str(tmp_path / "empty.txt")], "corpus shard .*empty.txt: no document"),
        ("valid", str(tmp_path / "short.txt"), "valid=.*short.txt: 4 tokens, expected 34 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            texts(config(tmp_path, **{key: value}), BPE)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(20), b"hello"])
def test_a_damaged_checkpoint_is_named_and_kept(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / midway.CHECKPOINT).write_bytes(content)
    with pytest.raises(ValueError, match=r"o/checkpoint.pt: cannot be gone on from \(.*remove it"):
        pretrain(config(tmp_path))
    assert (tmp_path / "o" / midway.CHECKPOINT).read_bytes() == content


def test_a_checkpoint_of_another_model_is_named(tmp_path: Path) -> None:
    other = toy(context=16)
    midway.save(tmp_path, other, [], 3, 1.0)
    (tmp_path / midway.STEPS).write_text("")
    with pytest.raises(ValueError, match=r"checkpoint.pt: cannot be gone on from"):
        midway.resume(tmp_path, toy(context=32), [], torch.device("cpu"))


def test_a_rate_that_ends_in_no_number_leaves_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"step 4: the loss is no finite number .*lr=1000"):
        pretrain(config(tmp_path, lr=1000))
    assert not (tmp_path / "o" / "model.safetensors").exists()


def test_text_of_nothing_has_no_loss() -> None:
    for nothing in ([], ["", ""]):
        with pytest.raises(ValueError, match="documents of 0 bytes, expected text to predict"):
            held_out(toy(context=32), nothing, BPE, 64)


def test_a_record_names_the_number_that_json_has_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a.json: x.1.y is nan: expected a finite number"):
        write_json(tmp_path / "a.json", {"x": [1.0, {"y": float("nan")}]})
    with (
        (tmp_path / "b.jsonl").open("w") as file,
        pytest.raises(ValueError, match=r"b.jsonl: nats is inf: expected a finite number"),
    ):
        append(file, RoleLoss(nats=float("inf"), tokens=1))
    assert not (tmp_path / "a.json").exists() and (tmp_path / "b.jsonl").read_text() == ""


def test_a_device_is_not_replaced_by_a_record(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match=r"is no regular file: .*a.json"):
        write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").is_fifo()


def test_weights_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none/m.safetensors: cannot be written \(.*No such file"):
        write({"a": torch.zeros(2)}, tmp_path / "none" / "m.safetensors", {})
