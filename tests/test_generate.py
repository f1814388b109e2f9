"""Asking a model: draws, the command on bases and on runs that kept their weights, and what it
refuses.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from harness.__main__ import main
from harness.commands.generate import answer
from harness.config.commands import Generate
from harness.config.compose import command_config
from harness.config.schema import with_launch
from harness.config.validate import ConfigError
from harness.engine.cells import cells_of
from harness.engine.sweep import work_of
from harness.models.stored import CheckpointError
from harness.records import RESPONSES, ResponseRecord
from harness.records.storage import read_jsonl
from harness.run.execute import execute
from harness.run.trained import open_model
from harness.run.warm import Warm
from harness.train.decoding import generate, greedy, sampler
from tests.test_run import tiny_cell
from tests.tiny import BPE, toy

CPU = torch.device("cpu")


def test_no_temperature_and_no_share_are_greedy() -> None:
    logits = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    assert sampler(0.0, 1.0, 0, CPU) is greedy
    assert torch.equal(sampler(1.0, 0.0, 0, CPU)(logits), logits.argmax(1))


def test_draws_follow_the_nucleus() -> None:
    """Shares .5, .3, .15, .05: a nucleus of .7 is the first two, drawn 5 to 3."""
    logits = torch.tensor([0.15, 0.5, 0.05, 0.3]).log().expand(20_000, 4)
    counts = torch.bincount(sampler(1.0, 0.7, 0, CPU)(logits), minlength=4) / 20_000
    assert counts[0] == counts[2] == 0 and counts[1].item() == pytest.approx(0.625, abs=0.015)
    everything = torch.bincount(sampler(1.0, 1.0, 0, CPU)(logits), minlength=4) / 20_000
    assert everything.tolist() == pytest.approx([0.15, 0.5, 0.05, 0.3], abs=0.015)
    sharper = torch.bincount(sampler(0.5, 1.0, 0, CPU)(logits), minlength=4) / 20_000
    squares = torch.tensor([0.15, 0.5, 0.05, 0.3]).square()
    assert sharper.tolist() == pytest.approx((squares / squares.sum()).tolist(), abs=0.015)


def test_a_seed_repeats_its_draws() -> None:
    model = toy(context=64)
    found = [
        generate(
            model,
            [[BPE.end], [BPE.end]],
            BPE.end,
            12,
            999,
            "fp32",
            choose=sampler(1.0, 1.0, seed, CPU),
        )
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2] and found[0][0] != found[0][1]


def test_texts_are_taken_as_they_stand() -> None:
    text = """It's "so", [a, {b: ${c}}] = \\ and ,"""
    config = command_config(
        "generate", Generate, [f"prompt={text}", "tokens=3"], texts=("prompt", "input")
    )
    assert config.prompt == text and config.tokens == 3
    with pytest.raises(ConfigError, match=r"tokns=3: no such key tokns, did you mean tokens?"):
        command_config("generate", Generate, ["tokns=3"])


@pytest.mark.process
def test_a_base_goes_on_with_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = "The river rose in the night, and"
    command = [sys.executable, "-m", "harness", "generate", "model=nano", "tokens=6"]
    done = subprocess.run(command, capture_output=True, text=True, input=f"{text}\n")
    assert done.returncode == 0 and done.stdout.startswith(f"{text} ")
    assert main(["generate", "model=nano", "tokens=6", f"prompt={text}"]) == 0
    assert capsys.readouterr().out == done.stdout
    assert 3 < len(BPE.encode(done.stdout)) - len(BPE.encode(f"{text}\n")) <= 6


def test_a_run_that_kept_its_weights_answers_as_it_did_then(tmp_path: Path) -> None:
    cell = tiny_cell(tmp_path)
    execute(cell, lambda phase, share: None, Warm())
    with pytest.raises(
        CheckpointError,
        match=r"no model.safetensors there, expected a run made with save_weights=true",
    ):
        open_model(cell.run.model, str(cell.folder))
    kept = with_launch(cell.run, save_weights=True)
    console = Console(record=True, file=io.StringIO(), width=200)
    assert work_of([kept], console).todo == []
    assert (
        "1 of 1 run finished and kept no weights; force=true makes them again"
        in console.export_text()
    )
    execute(cells_of([kept])[0], lambda phase, share: None, Warm())
    assert {tensor.dtype for tensor in load_file(cell.folder / "model.safetensors").values()} == {
        torch.float32
    }
    asked = list(read_jsonl(cell.folder / RESPONSES, ResponseRecord))
    assert len(asked) == 4 and all("### Input:" in record.prompt for record in asked)
    for record in asked:
        asking = record.prompt.removeprefix("### Instruction:\n").removesuffix(
            "\n\n### Response:\n"
        )
        instruction, _, about = asking.partition("\n\n### Input:\n")
        texts = [f"prompt={instruction}", f"input={about}"]
        config = command_config(
            "generate",
            Generate,
            [f"run={cell.folder}", "tokens=5", *texts],
            texts=("prompt", "input"),
        )
        assert answer(config, config.prompt) == record.response


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["model=none"],
            "model=none: no such option none, expected one of gpt2, gpt2-large,",
        ),
        (["model=nano"], "prompt: empty, expected a text"),
        (["model=nano", "prompt=x", "input=y"], "input='y': a base takes a prompt alone"),
        (
            ["model=nano", f"prompt={'word ' * 1100}"],
            "prompt: 1101 tokens, expected fewer than the model's context",
        ),
        (
            ["model=nano", "model.weights=random", "prompt=x"],
            "model.weights=random: nano has no weights",
        ),
        (["prompt=x", "tokens=0"], "tokens=0: expected greater than 0"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["generate", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith(f"harness generate: {message}"), told


@pytest.mark.parametrize("config", ["- 1\n", "1\n", "", "a: &a {b: *a}\n", "a: " + "[" * 900])
def test_a_folder_with_another_config_is_one_line_with_its_path(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert main(["generate", f"run={tmp_path}", "prompt=a"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness generate: {tmp_path / 'config.yaml'}: ")
