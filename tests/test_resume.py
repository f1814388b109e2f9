"""An interrupted run goes on from its checkpoint, to the same bits as one that nothing
disturbed.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from rich.console import Console

from harness.config.schema import with_launch
from harness.engine import early
from harness.engine.cells import cells_of
from harness.engine.locks import lock
from harness.engine.sweep import work_of
from harness.records import CHECKPOINT, LOG, RESULT, STEPS, Result
from harness.records.storage import read_json
from harness.run.execute import execute
from harness.run.identity import Cell
from harness.run.resume import Checkpoint
from harness.run.warm import Warm
from tests.tiny import run_of, write_records
from tests.tiny_sweep import environment, figures, sweep, toy_runs, tries

ALWAYS = "checkpoint_seconds=1e-9"
"""A checkpoint after every step."""


def cell_of(folder: Path, *overrides: str, mask: str = "annealed") -> Cell:
    """A toy run of 15 steps that is evaluated after each of its three epochs."""
    data = folder / "records.jsonl"
    if not data.exists():
        write_records(data, 40)
    settings = (
        f"mask={mask}", "model=nano", "model.layers=1", "model.width=32", "model.heads=2",
        "model.weights=random", "data=file", f"data.path={data}", "data.size=12",
        "data.validation=4", "data.test=10", "data.template=headers", "train.epochs=3",
        "train.batch_tokens=96", "train.lr=1e-3", "score.every=1", "score.responses=4",
        "score.response_tokens=5", "sweep=s", f"runs={folder}", ALWAYS, *overrides,
    )  # fmt: skip
    return cells_of([run_of(*settings)])[0]


def carry_out(cell: Cell) -> None:
    """A run in a process of its own; its last checkpoint stays, for a look at the weights."""
    torch.set_num_threads(1)
    Checkpoint.remove = lambda self: None  # type: ignore[method-assign]  # in its place
    execute(cell, lambda phase, share: None, Warm())


def started(cell: Cell) -> BaseProcess:
    """A process that runs `carry_out`, forked from the server that workers come from."""
    process = early.CONTEXT.Process(target=carry_out, args=(cell,))
    with early.as_workers_begin():
        process.start()
    return process


def written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.process
# The one falls with the steps, the other needs the base.
@pytest.mark.parametrize("mask", ["annealed", pytest.param("surprisal", marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(
    tmp_path: Path, mask: str
) -> None:
    cell = cell_of(tmp_path, "data.size=24", mask=mask)
    chance = random.Random(mask)
    for _ in range(5):
        process = started(cell)
        before = written(cell.folder / CHECKPOINT)
        while written(cell.folder / CHECKPOINT) == before and process.exitcode is None:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.06))
        process.kill()
        process.join()
    last = started(cell)
    last.join()
    calm = cell._replace(folder=tmp_path / "calm" / cell.folder.name)
    undisturbed = started(calm)
    undisturbed.join()
    assert last.exitcode == undisturbed.exitcode == 0
    assert figures(cell.folder) == figures(calm.folder)

    result = read_json(cell.folder / RESULT, Result)
    steps = [entry["step"] for entry in result.provenance["resumed"]]
    assert len(steps) >= 3 and steps == sorted(steps)
    undisturbed_result = read_json(calm.folder / RESULT, Result)
    assert undisturbed_result.steps == 30 and undisturbed_result.provenance["resumed"] == []

    one, other = (
        torch.load(folder / CHECKPOINT, weights_only=True) for folder in (cell.folder, calm.folder)
    )
    assert one["totals"] == other["totals"] and one["totals"]["steps"] == 30
    for name, tensor in other["model"].items():
        assert torch.equal(one["model"][name], tensor), name
    for moment in ("first", "second"):
        for name, tensor in other[moment].items():
            assert torch.equal(one[moment][name], tensor), name


class Interrupted(Exception):
    pass


def interrupt(cell: Cell, at: float = 0.5) -> None:
    """Carry a run out until a part of it is done, and leave it so."""

    def progress(phase: str, share: float) -> None:
        if phase == "train" and share > at:
            raise Interrupted

    with pytest.raises(Interrupted):
        execute(cell, progress, Warm())
    assert (cell.folder / CHECKPOINT).exists() and not (cell.folder / RESULT).exists()


def put(path: Path, key: str, value: object) -> None:
    torch.save({**torch.load(path, weights_only=True), key: value}, path)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run."""
    cell = cell_of(tmp_path_factory.mktemp("calm"))
    execute(cell, lambda phase, share: None, Warm())
    assert not (cell.folder / CHECKPOINT).exists()
    return cell.folder


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """A run that was left in the middle."""
    cell = cell_of(tmp_path_factory.mktemp("halted"))
    interrupt(cell)
    return cell


def copied(cell: Cell, folder: Path) -> Cell:
    """The same run, in a folder elsewhere, from here on without checkpoints."""
    shutil.copytree(cell.folder, folder / cell.folder.name)
    run = with_launch(cell.run, checkpoint_seconds=600.0)
    return cell._replace(folder=folder / cell.folder.name, run=run)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4  # among the weights, where torch.load sees no fault
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (flip, r"ValueError: \S+ is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "BadZipFile: "),
        (lambda path: path.write_bytes(b""), "BadZipFile: "),
        (lambda path: put(path, "format", 0), "ValueError: format 0, expected 4"),
        (lambda path: put(path, "identity", "0" * 16), "ValueError: of the run 0{16}, expected "),
        (lambda path: put(path, "threads", 7), "ValueError: made with 7 threads, expected 1"),
        (lambda path: put(path, "gpus", 2), "ValueError: made with 2 gpus, expected 1"),
        (lambda path: put(path, "model", {}), "ValueError: its weights are those of another model"),
        (lambda path: put(path, "totals", {}), "KeyError: 'weight'"),
        (
            lambda path: (path.parent / STEPS).write_text(""),
            "ValueError: steps.jsonl is shorter than it was",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_means_a_start_from_the_beginning_with_a_line(
    tmp_path: Path,
    calm: Path,
    halted: Cell,
    harm: Callable[[Path], object],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cell = copied(halted, tmp_path)
    harm(cell.folder / CHECKPOINT)
    capsys.readouterr()
    result = execute(cell, lambda phase, share: None, Warm())
    (line,) = capsys.readouterr().err.splitlines()
    path, _, said = line.removeprefix("starts anew: ").partition(": ")
    assert path == str(cell.folder / CHECKPOINT) and re.match(reason, said), line
    assert result.provenance["resumed"] == [] and not (cell.folder / CHECKPOINT).exists()
    assert figures(cell.folder) == figures(calm)


def test_a_whole_checkpoint_is_gone_on_from_with_a_line(
    tmp_path: Path, calm: Path, halted: Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copied(halted, tmp_path)
    capsys.readouterr()
    (resumed,) = execute(cell, lambda phase, share: None, Warm()).provenance["resumed"]
    assert 5 < resumed["step"] < 15 and set(resumed) == {"step", "commit", "dirty"}
    assert capsys.readouterr().err == f"goes on after step {resumed['step']}, from checkpoint.pt\n"
    assert figures(cell.folder) == figures(calm)


def test_what_earlier_tries_took_is_added(tmp_path: Path, halted: Cell) -> None:
    cell = copied(halted, tmp_path)
    spent = {"prepare": 2000.0, "train": 3000.0, "evaluate": 4000.0}
    put(cell.folder / CHECKPOINT, "seconds", spent)
    seconds = execute(cell, lambda phase, share: None, Warm()).seconds
    assert {phase: took // 1000 for phase, took in seconds.items()} == {
        "prepare": 2, "train": 3, "evaluate": 4, "generate": 0,
    }  # fmt: skip


def test_a_checkpoint_is_replaced_by_a_whole_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calm: Path
) -> None:
    """The write of the eighth is cut off in the middle; the seventh is still there."""
    cell = cell_of(tmp_path)
    honest, saved = torch.save, []

    def torn(state: dict[str, object], file: BinaryIO) -> None:
        saved.append(state)
        honest(state, file)
        if len(saved) == 8:
            file.truncate(file.tell() // 2)
            raise Interrupted

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(Interrupted):
        execute(cell, lambda phase, share: None, Warm())
    monkeypatch.undo()
    (resumed,) = execute(cell, lambda phase, share: None, Warm()).provenance["resumed"]
    assert resumed["step"] == 7 and figures(cell.folder) == figures(calm)


def test_a_checkpoint_that_cannot_be_written_is_a_line_and_the_run_goes_on(
    tmp_path: Path, calm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_of(tmp_path)
    cell.folder.mkdir(parents=True)
    (cell.folder / f".{CHECKPOINT}.partial").symlink_to("/dev/full")
    execute(cell, lambda phase, share: None, Warm())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no checkpoint: ")
    assert figures(cell.folder) == figures(calm)


@pytest.mark.parametrize("seconds", ["300", "0"])
def test_a_short_run_writes_no_checkpoint(tmp_path: Path, calm: Path, seconds: str) -> None:
    cell = cell_of(tmp_path, f"checkpoint_seconds={seconds}")

    def progress(phase: str, share: float) -> None:
        assert not (cell.folder / CHECKPOINT).exists()

    execute(cell, progress, Warm())
    assert figures(cell.folder) == figures(calm)  # the identity too: how often is no science


def test_force_starts_anew_unless_another_launch_is_at_the_run(tmp_path: Path) -> None:
    cell = cell_of(tmp_path)
    interrupt(cell)
    path = cell.folder / CHECKPOINT
    quiet = Console(quiet=True)
    work_of([cell.run], quiet)
    assert path.exists()
    held = lock(cell.folder)
    assert held
    with held:
        work_of([with_launch(cell.run, force=True)], quiet)
        assert path.exists()
    work_of([with_launch(cell.run, force=True)], quiet)
    assert not path.exists()


def test_the_pool_goes_on_with_the_run_of_a_killed_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment({0: "midway"}).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("HARNESS_FAULT_FLAG", str(tmp_path / "once"))
    (run,) = toy_runs(tmp_path, 1)
    run = with_launch(replace(run, train=replace(run.train, epochs=4)), checkpoint_seconds=1e-9)
    outcome, _ = sweep([run], slots=1)
    assert outcome.finished == 1
    (folder,) = (path.parent for path in tmp_path.glob(f"s/*/{RESULT}"))
    assert tries(folder.parent) == {folder.name: 2}
    (resumed,) = read_json(folder / RESULT, Result).provenance["resumed"]
    assert f"goes on after step {resumed['step']}, " in (folder / LOG).read_text()
    (calm,) = cells_of([with_launch(run, sweep="calm")])
    execute(calm, lambda phase, share: None, Warm())
    assert figures(folder) == figures(calm.folder)
