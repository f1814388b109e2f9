"""The command line: every mistake is one line and code 2 before anything is run or written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import run_of
from tests.typed import Capture, said


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own for each test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["learning_rate=3"], "learning_rate=3: no such key learning_rate, did you mean train.lr?"),
        (["--max_steps=3"], "--max_steps=3: no such option, did you mean train.epochs=3?"),
        (["--foo"], "--foo: no such option, expected -m, --dry-run, --config-dir=DIR"),
        (["staus"], "staus: no such command, did you mean status?"),
        (["mask=full", "x.jsonl"], "x.jsonl: expected KEY=VALUE"),
        (["~seed"], "~seed: expected KEY=VALUE"),
        (["mask=ful"],
         "mask=ful: no such option ful, did you mean full? expected one of annealed,"),
        (["model="], "model=: no such option , expected one of gpt2, gpt2-large, "),
        (["mask=["], "mask=[: cannot be read, expected KEY=VALUE"),
        (["train.lr=choice(1,2"], "train.lr=choice(1,2: cannot be read, expected KEY=VALUE"),
        (["mask=none,full"], "mask=none,full: several values, expected one; -m sweeps over many"),
        (["-m", "seed=range(0)"], "seed=range(0): no value, expected at least one"),
        (["-m", "mask=glob(zzz*)"], "mask=glob(zzz*): no value, expected at least one"),
        (["-m", "train.lr=interval(1,2)"], "train.lr=interval(1,2): an interval has no values"),
        (["-m", "seed=range(1000000000)"], "seed=range(1000000000): more than 100000 values"),
        (["-m", "seed=range(1000)", "data.size=range(1,1001)"], "1000000 runs, expected at most"),
        (["-m", "mask=glob(assistant_*),full"],
         "mask=glob(assistant_*),full: glob(…) beside others, expected 'mask=glob([assis"),
        (["-m", "mask=full,ful"], "mask=full,ful: no such option ful, did you mean full?"),
        (["seed=${x}"], "seed: Interpolation key 'x' not found"),
        (["train.lr=${train.lr}"], "train.lr: Recursive interpolation detected"),
        (["data.name=${oc.env:NOPE}"], "data.name: KeyError raised while resolving interpolation"),
        (["sweeps=small_data"], "sweeps=small_data: a stored sweep has many runs, expected -m"),
        (["-m", "sweeps=nope"], "sweeps=nope: no such option nope, expected one of corners, "),
        (["-m", "sweeps=small_data", "preset=x"],
         "preset=x: no such option x, expected one of lap"),
        (["preset=laptop"], "preset=laptop: no such key preset"),
        (["hydra.sweep.dir=x"],
         "hydra.sweep.dir=x: not obeyed here, expected runs=FOLDER and sweep="),
        (["hydra.run.dir=x"],
         "hydra.run.dir=x: not obeyed here, expected runs=FOLDER and sweep=NAME"),
        (["hydra.verbose=true"],
         "hydra.verbose=true: not obeyed here, expected hydra/launcher=NAME"),
        (["hydra/sweeper=basic"], "hydra/sweeper=basic: not obeyed here, expected hydra/launcher="),
        (["hydra.launcher.slot=1"],
         "hydra.launcher.slot=1: no such key hydra.launcher.slot, did you"),
        (["hydra.launcher.retries=x"],
         "hydra.launcher.retries: Value 'x' of type 'str' could not be"),
        (["hydra/launcher=nope"],
         "hydra/launcher=nope: no such option nope, expected one of basic,"),
        (["mask.weight.end=1e38"], "mask.weight.end=1e+38: expected less than or equal to 1000000"),
        (["-m", "sweep=a,b"], "sweep=a,b: expected one for all runs of a command"),
        (["-m", "runs=a,b"], "runs=a,b: expected one for all runs of a command"),
        (["-m", "hydra.launcher.slots=10000"],
         "hydra.launcher.slots=10000: expected auto or a number from 1 to 1024"),
        (["-m", "device=cpu,auto"], "device=cpu,auto: expected one for all runs of a command"),
        (["claim=a\nb"], "'claim=a\\nb': expected text without control characters"),
        (["mask.name=\udcff"], "'mask.name=\\udcff': expected text without control characters"),
        (["data.path=\x1b[31m"], "'data.path=\\x1b[31m': expected text without control characters"),
        (["data.size=" + "[" * 900 + "]" * 900], "data.size=[[["),
        (["mask=full", ""], "'': expected KEY=VALUE"),
        (["--config-dir=no"], "--config-dir=no: no such folder"),
        (["dry_run=perhaps"], "dry_run=perhaps: expected true or false"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: Capture) -> None:
    (told,) = said(capsys, *arguments)
    assert told.startswith(f"harness: {line}")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["generate", "model=nano,micro"], "harness generate: model=nano,micro: several values"),
        (["export", "model=nano"], "harness export: out: missing, expected out=VALUE"),
        (["export", "ot=x"], "harness export: ot=x: no such key ot, did you mean out?"),
        (["pretrain", "learning_rate=1"], "harness pretrain: learning_rate=1: no such key"),
        (["audit", "mask=zzz"], "harness audit: mask=zzz: no such option zzz, expected one of"),
        (["audit", "html="], "harness audit: html='': expected the path of a file"),
        (["generate", "seed=99999999999999999999"], "harness generate: seed=99999999999999999999"),
        (["generate", "top_p=0"], "harness generate: top_p=0: expected greater than 0"),
        (["export", "out=''"], "harness export: out='': expected String should have at least 1"),
        (["status"], "harness status: the following arguments are required: sweep"),
        (["cancel", "--now", "x"], "harness cancel: unrecognized arguments: --now"),
        (["cancel", "x"], "harness cancel: x: no sweep was launched to Slurm here"),
        (["quantize", "x"], "harness quantize: the following arguments are required: out"),
        (["quantize", "x", "y"], "harness quantize: x: cannot be read as safetensors"),
        (["bpe", "x"], "harness bpe: out: missing, expected out=FILE"),
        (["bpe", "out=x"], "harness bpe: the following arguments are required: shards"),
        (["report", "absent"], "harness report: absent: no such folder"),
        (["report"], "harness report: RUNS is missing, expected the folder of a sweep"),
    ],
)
def test_a_mistake_of_another_command_is_one_line_too(
    arguments: list[str], line: str, capsys: Capture
) -> None:
    (told,) = said(capsys, *arguments)
    assert told.startswith(line)


def test_all_faults_come_together(capsys: Capture) -> None:
    faults = ["--lr=1", "mask=ful", "epoks=3", "seed=range(0)", "+typo=2", "hydra.job.x=1"]
    lines = said(capsys, "-m", *faults)
    assert [line.split(":")[1].strip() for line in lines] == faults
    values = said(capsys, "-m", "model.heads=3,5", "data.template=a,b", "sweep=..")
    assert len(values) == 5


def test_a_role_that_a_mask_does_not_name_can_be_added() -> None:
    assert run_of("mask=full", "mask.weight.user=0.5").mask.weight["user"] == 0.5


def test_a_command_beside_runs_needs_nothing_of_theirs(elsewhere: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "audit", "data.size=0"], capture_output=True, text=True
    )
    assert done.stderr.startswith("harness audit: data.size=0: expected tiny, ")
    assert done.returncode == 2
