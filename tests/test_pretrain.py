"""Pretraining on a small shard: order, schedule, learning, and going on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from harness.__main__ import main
from harness.bases.corpus import documents, token_array
from harness.bases.pretrain import spoken, windows
from harness.bases.qk_clip import largest_scores
from harness.bases.steps import rate
from harness.models.gpt import GPT, Shape
from tests.tiny import BPE

SETTINGS = [
    "model.layers=1", "model.width=32", "model.heads=2", "model.context=32", "batch_tokens=256",
    "micro_tokens=128", "optimizer=adamw", "lr=3e-3", "warmup_steps=5", "evaluate_every=50",
    "checkpoint_every=20", "precision=fp32", "compile=false", "device=cpu",
]  # fmt: skip


@pytest.mark.parametrize(
    ("speed", "said"),
    [(4_213.4, "4,213 tokens/s"), (99_999, "99,999 tokens/s"), (1_234_567, "1.23M tokens/s")],
)
def test_speed_is_said_in_a_unit_that_fits(speed: float, said: str) -> None:
    assert spoken(speed) == said


def shard(path: Path, documents: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    names = ["Ann", "Bob", "Cid", "Dot"]
    texts = [
        f"{rng.choice(names)} went home. {rng.choice(names)} stayed there."
        for _ in range(documents)
    ]
    path.write_text("".join(f"{text}\n<|endoftext|>\n" for text in texts), encoding="utf-8")
    return path


def arguments(folder: Path, out: str, tokens: int) -> list[str]:
    return [
        "pretrain", f"corpus=[{folder / 'a.txt'}]", f"valid={folder / 'b.txt'}",
        f"out={folder / out}", f"tokens={tokens}", *SETTINGS,
    ]  # fmt: skip


def command(folder: Path, out: str, tokens: int) -> list[str]:
    return [sys.executable, "-m", "harness", *arguments(folder, out, tokens)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shard(tmp_path / "a.txt", 400, 1)
    shard(tmp_path / "b.txt", 60, 2)
    return tmp_path


def test_a_pretraining_leaves_a_base_and_its_figures(folder: Path) -> None:
    assert main(arguments(folder, "base", 4_000)) == 0
    left = {path.name for path in (folder / "base").iterdir()}
    figures = json.loads((folder / "base" / "pretrain.json").read_text())
    assert {"model.safetensors", "steps.jsonl"} <= left and "checkpoint.pt" not in left
    assert figures["steps"] == 16 and figures["valid_nats_per_token"] < np.log(8192)


@pytest.mark.parametrize(("bound", "low", "high"), [(2.0, 1.0, 2.5), (0.0, 20.0, 1e9)])
def test_attention_scores_stay_within_their_bound(
    folder: Path, bound: float, low: float, high: float
) -> None:
    rates = ["optimizer=muon", "muon_lr=0.5", f"qk_clip={bound}"]
    assert main([*arguments(folder, "base", 10_000), *rates]) == 0
    model = GPT(Shape(layers=1, width=32, heads=2, vocabulary=8192, context=32))
    model.load_state_dict(load_file(folder / "base" / "model.safetensors"))
    ids = token_array(folder / "a.txt", BPE, folder / "tokens")[: 8 * 32].astype(np.int64)
    assert low < float(largest_scores(model, torch.from_numpy(ids).view(8, 32)).max()) < high


@pytest.mark.slow
def test_a_killed_pretraining_goes_on_to_the_same_weights(folder: Path) -> None:
    assert main(arguments(folder, "whole", 40_000)) == 0
    process = subprocess.Popen(
        command(folder, "killed", 40_000),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    deadline = time.monotonic() + 120
    while not (folder / "killed" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "killed" / "checkpoint.pt").exists() and not (
        folder / "killed" / "pretrain.json"
    ).exists()
    assert main(arguments(folder, "killed", 40_000)) == 0
    whole, killed = (load_file(folder / name / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    logs = [
        [json.loads(x) for x in (folder / n / "steps.jsonl").read_text().splitlines()]
        for n in ("whole", "killed")
    ]
    assert [entry["step"] for entry in logs[0]] == [entry["step"] for entry in logs[1]]
    assert [entry["loss"] for entry in logs[0]] == [entry["loss"] for entry in logs[1]]
    figures = json.loads((folder / "killed" / "pretrain.json").read_text())
    assert figures["valid_nats_per_token"] < 2.5 < np.log(8192) and figures["steps"] == 157
    assert not (folder / "killed" / "checkpoint.pt").exists()


def test_a_missing_shard_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.txt").unlink()
    assert main(arguments(folder, "x", 1000)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness pretrain: ") and "b.txt" in line


def test_every_window_of_a_pass_comes_once_and_cuts_move() -> None:
    batches = windows(1000, 10, 7, 0)
    first = np.concatenate([next(batches) for _ in range(14)])
    assert (
        len(set(first.tolist())) == len(first)
        and len({start % 10 for start in first.tolist()}) == 1
    )
    second = np.concatenate([next(batches) for _ in range(14)])
    assert {start % 10 for start in second.tolist()} != {start % 10 for start in first.tolist()}
    assert np.concatenate([first, second]).max() + 10 < 1000


def test_the_schedule_rises_stays_and_falls() -> None:
    factors = [rate(step, 100, 10, 0.4) for step in range(100)]
    assert factors[0] == 0.1 and factors[9:60] == [1.0] * 51
    assert factors[80] == pytest.approx(0.5) and factors[99] == pytest.approx(1 / 40)


def test_documents_are_cut_at_their_separator_and_tokens_are_cached_by_content(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.txt"
    path.write_text(
        "one\nline\n<|endoftext|>\nsays <|endoftext|> inside\n<|endoftext|>\n", encoding="utf-8"
    )
    assert list(documents(path)) == ["one\nline", "says <|endoftext|> inside"]
    ids = token_array(path, BPE, tmp_path / "cache")
    assert (ids == BPE.end).sum() == 2 and ids[-1] == BPE.end
    path.write_text("other\n<|endoftext|>\n", encoding="utf-8")
    assert token_array(path, BPE, tmp_path / "cache").tolist() == [*BPE.encode("other"), BPE.end]
