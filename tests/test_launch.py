"""What a launch finds, refuses, says and fixes before its first run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.config.launchers import Slurm
from harness.config.schema import Run, with_launch
from harness.config.validate import ConfigError
from harness.engine.attempt import Message, Try, attempt
from harness.engine.cells import cells_of
from harness.engine.locks import lock
from harness.engine.names import automatic_name
from harness.engine.plan import read_plan
from harness.records import CONFIG, FAILURE, RESULT, STEPS, Failure, Result
from harness.records.storage import read_json, write_json
from harness.run.identity import Cell, stamp
from harness.run.warm import Warm
from tests.tiny import gpt_in, run_of, write_records
from tests.tiny_sweep import environment, figures, inline, overrides, sweep, toy_runs, tries


def folder_of(sweep_folder: Path, seed: int) -> Path:
    (folder,) = sweep_folder.glob(f"*-s{seed}-*")
    return folder


def threads(sweep_folder: Path) -> set[int]:
    results = [read_json(path, Result) for path in sweep_folder.glob(f"*/{RESULT}")]
    return {result.provenance["threads"] for result in results}


def test_a_torn_empty_or_foreign_result_is_made_again_with_a_line(tmp_path: Path) -> None:
    runs = toy_runs(tmp_path, 4)
    inline(runs)
    torn, empty, foreign, whole = (folder_of(tmp_path / "s", seed) / RESULT for seed in range(4))
    good = {path: figures(path.parent) for path in (torn, empty, foreign)}
    torn.write_bytes(torn.read_bytes()[:200])
    empty.write_bytes(b"")
    foreign.write_bytes(whole.read_bytes())
    before = whole.stat().st_mtime_ns
    outcome, said = inline(runs)
    assert (outcome.finished, outcome.skipped, outcome.failed) == (3, 1, 0)
    for path in (torn, empty, foreign):
        assert f"{path}: " in said and figures(path.parent) == good[path]
    assert said.count("; the run is carried out again") == 3
    assert f"expected {read_json(foreign, Result).identity}; the run" in said
    assert whole.stat().st_mtime_ns == before


def test_a_missing_gpu_is_said_before_the_first_run_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    runs = toy_runs(tmp_path, 2)
    with pytest.raises(ConfigError) as caught:
        inline([with_launch(run, device="cuda") for run in runs])
    assert caught.value.faults == ["device=cuda: no such GPU, 0 present"]
    assert not (tmp_path / "s").exists()
    assert inline(runs)[0].finished == 2


def shipped_to(folder: Path) -> Path:
    """A copy of the weights that a toy run kept."""
    (run,) = toy_runs(folder, 1)
    inline([with_launch(run, save_weights=True, sweep="base")])
    (weights,) = (folder / "base").glob("*/model.safetensors")
    return Path(shutil.copy(weights, folder / "base.safetensors"))


def test_weights_that_are_not_finite_or_cut_are_said_before_the_first_run(tmp_path: Path) -> None:
    path = shipped_to(tmp_path)
    (run,) = toy_runs(tmp_path, 1)
    run = replace(run, model=replace(gpt_in(run), weights=str(path)))
    whole = path.read_bytes()
    tensors = load_file(path)
    tensors["norm.weight"][3] = torch.nan
    save_file(tensors, path)
    with pytest.raises(ConfigError) as caught:
        inline([run])
    (line,) = caught.value.faults
    assert line.startswith(f"{path}: tensor norm.weight holds nan, expected numbers up to")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="cannot be read as safetensors"):
        inline([run])
    assert not (tmp_path / "s").exists()
    path.write_bytes(whole)
    assert inline([run])[0].finished == 1


def test_a_failure_of_device_or_disk_does_not_block_the_next_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = toy_runs(tmp_path, 2)
    faults = {0: OSError(28, "No space left on device"), 1: FloatingPointError("loss nan")}

    def failing(cells: list[Cell], progress: object, warm: object) -> list[Exception]:
        return [faults[cell.run.seed] for cell in cells]

    with monkeypatch.context() as patch:
        patch.setattr("harness.run.execute.execute_group", failing)
        assert inline(runs)[0].failed == 2
    failure = read_json(folder_of(tmp_path / "s", 0) / FAILURE, Failure)
    assert failure.cause == "outside"
    outcome, said = inline(runs)
    assert (outcome.finished, outcome.skipped, outcome.failed) == (1, 0, 1)
    assert "1 of 2 runs failed earlier for want of a device or disk: tried again" in said
    assert "1 of 2 runs failed earlier and left so; retry=failed tries them again" in said


def test_a_failure_record_of_another_run_or_torn_does_not_block(tmp_path: Path) -> None:
    runs = toy_runs(tmp_path, 2)
    inline(runs)
    for seed in range(2):
        (folder_of(tmp_path / "s", seed) / RESULT).unlink()
    write_json(
        folder_of(tmp_path / "s", 0) / FAILURE, Failure(run="r", identity="0" * 16, error="E: no")
    )
    (folder_of(tmp_path / "s", 1) / FAILURE).write_text("{")
    assert inline(runs)[0].finished == 2


def test_changed_data_makes_runs_of_their_own_and_a_line(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    inline([run])
    first = folder_of(tmp_path / "s", 0)
    kept = figures(first)
    changed = write_records(tmp_path / "changed.jsonl", 30, words=4)
    run = replace(run, data=replace(run.data, path=str(changed)))
    outcome, said = inline([run])
    assert outcome.finished == 1 and figures(first) == kept
    assert (
        "1 run planned here on other contents of data, weights or tokenizer: kept, "
        "as conditions of their own"
    ) in said
    plan = read_plan(tmp_path / "s")
    assert plan and len({planned.contents for planned in plan.runs}) == 2
    assert "other contents" not in inline([run])[1]


def test_two_data_sets_of_one_sweep_are_no_change_of_data(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    other = str(write_records(tmp_path / "others.jsonl", 30, words=4))
    both = [run, replace(run, data=replace(run.data, path=other))]
    assert "other contents" not in inline(both)[1]
    assert "other contents" not in inline([replace(run, seed=1) for run in both])[1]


def pair(folder: Path, **changes: object) -> list[Run]:
    """Two runs of a few steps, with the threads that they take by themselves."""
    first = run_of(*overrides(folder), "train.epochs=2", "train.batch_tokens=64", "threads=auto")
    return [with_launch(replace(first, seed=seed), **changes) for seed in range(2)]


@pytest.mark.process
def test_one_slot_and_two_give_the_same_figures_to_the_last_bit(tmp_path: Path) -> None:
    """Today's cores, whatever they are: threads do not follow from them or from the slots."""
    sweep(pair(tmp_path, sweep="one"), slots=1)
    sweep(pair(tmp_path, sweep="two"), slots=2)
    assert threads(tmp_path / "one") == threads(tmp_path / "two") == {1}
    for folder in (path.parent for path in (tmp_path / "one").glob(f"*/{RESULT}")):
        assert figures(folder) == figures(tmp_path / "two" / folder.name)


@pytest.mark.process
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_threads_are_kept_from_the_first_plan_over_a_kill_and_a_relaunch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = pair(tmp_path, threads=2, sweep="calm")
    inline(calm)
    asked = pair(tmp_path, threads=2, checkpoint_seconds=1e-9)
    with monkeypatch.context() as patch:
        patch.setenv("HARNESS_FAULT_FLAG", str(tmp_path / "once"))
        for key, value in environment({0: "midway", 1: "diverge"}).items():
            patch.setenv(key, value)
        outcome, _ = sweep(asked, slots=1)
    assert outcome.finished == 1 and outcome.failed == 1
    outcome, said = inline(pair(tmp_path, threads=1, retry="failed"))
    assert outcome.finished == 1 and threads(tmp_path / "s") == {2}
    assert "threads=1: 2 runs planned with 2, which is kept" in said
    assert sorted(tries(tmp_path / "s").values()) == [2, 2]
    for folder in (path.parent for path in (tmp_path / "s").glob(f"*/{RESULT}")):
        assert figures(folder) == figures(tmp_path / "calm" / folder.name)
    inline(pair(tmp_path, threads=1, force=True))
    assert threads(tmp_path / "s") == {1}


def test_threads_of_a_run_are_in_the_plan_and_in_its_folder(tmp_path: Path) -> None:
    inline(pair(tmp_path)[:1])
    plan = read_plan(tmp_path / "s")
    assert plan and [planned.threads for planned in plan.runs] == [1]
    assert "threads: 1\n" in (folder_of(tmp_path / "s", 0) / CONFIG).read_text()


def test_a_sweeps_automatic_name_does_not_tell_how_it_is_carried_out() -> None:
    plain = automatic_name([["mask=none", "seed=1"], ["mask=full", "seed=1"]])
    assert plain.startswith("mask-")
    other = [
        ["mask=none", "seed=1", "launch.device=cpu", "launch.threads=2"],
        ["mask=full", "seed=1", "launch.force=true"],
    ]
    assert automatic_name(other) == plain
    assert (
        automatic_name([["launch.device=cpu"]])
        == automatic_name([["launch.threads=3"]])
        == automatic_name([[]])
    )
    assert automatic_name([["seed=2"]]) != automatic_name([["seed=3"]])


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (Slurm(partition="gpu\n#SBATCH --wrap=x"), "hydra.launcher.partition="),
        (Slurm(extra={"comment": "a\rb"}), "hydra.launcher.extra.comment="),
        (Slurm(extra={"a\nb": 1}), "hydra.launcher.extra (a key)="),
        (Slurm(extra={"deep": {"er": "\x1b[2J"}}), "hydra.launcher.extra.deep.er="),
    ],
)
def test_control_characters_in_slurms_settings_are_refused(settings: Slurm, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.check()
    (fault,) = caught.value.faults
    assert fault.startswith(line) and fault.isprintable()


def test_a_finished_run_has_whole_records(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    inline([run])
    steps = (folder_of(tmp_path / "s", 0) / STEPS).read_text().splitlines()
    assert [json.loads(step)["step"] for step in steps] == list(range(1, len(steps) + 1))


def test_a_run_whose_end_is_told_can_be_locked(tmp_path: Path) -> None:
    """Else its failure could not be recorded, and it would be tried again."""
    (cell,) = cells_of(toy_runs(tmp_path, 1))
    free = []

    def tell(message: Message) -> None:
        if message.kind == "finished":
            held = lock(cell.folder)
            free.append(held is not None)

    attempt([Try(cell, stamp(cell.folder), 1)], tell, Warm())
    assert free == [True]
