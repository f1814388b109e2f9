"""A sweep on a real Slurm without accounting; `tests/slurm/setup.sh` sets one up. Run with `pytest
-m slurm`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.config.launchers import Slurm
from harness.config.validate import ConfigError
from harness.engine import slurm
from harness.engine.attempt import Try
from harness.engine.cells import cells_of
from harness.engine.job import Job, Tally
from harness.engine.launchers import LaunchError, carry_out
from harness.engine.locks import owner_note
from harness.engine.packs import Pack, packed
from harness.engine.slurm import known_jobs
from harness.engine.slurm_job import carry_out as carry_out_job
from harness.engine.status import status_of
from harness.engine.view import View
from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import read_json
from harness.run.execute import execute, execute_group
from harness.run.group import Outcome, Progress
from harness.run.identity import Cell, stamp
from harness.run.warm import Warm
from tests.tiny import run_of
from tests.tiny_sweep import ROOT, figures, overrides, start, toy_runs, tries

COMMAND = ("seed=range(6)", "hydra/launcher=slurm")


def test_faulty_settings_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Slurm(minutes=10**20, cpus=0, retries=-1).check()
    assert caught.value.faults == [
        f"hydra.launcher.minutes={10**20}: expected 1 to 527,040",
        "hydra.launcher.cpus=0: expected 1 to 1,024",
        "hydra.launcher.retries=-1: expected 0 to 1,000",
    ]


def test_without_slurm_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LaunchError, match=r"^Slurm: ") as caught:
        carry_out(toy_runs(tmp_path, 1), "slurm", Slurm(), Console(quiet=True))
    assert "\n" not in str(caught.value)


def test_a_job_tries_the_runs_of_a_group_alone_that_fail_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a Slurm job does, in this process: 1 diverges, 2 breaks as often as it is tried."""
    sizes = []

    def failing(cells: Sequence[Cell], progress: Progress, warm: Warm) -> list[Outcome]:
        sizes.append(len(cells))
        if any(cell.run.seed == 2 for cell in cells):
            raise RuntimeError("broken")
        if cells[0].run.seed == 1:
            return [FloatingPointError("loss nan")]
        return execute_group(cells, progress, warm)

    monkeypatch.setattr("harness.run.execute.execute_group", failing)
    monkeypatch.setattr("harness.engine.slurm_job.BACKOFF", 0.0)
    cells = sorted(cells_of(toy_runs(tmp_path, 3)), key=lambda cell: cell.run.seed)
    carry_out_job([[Try(cell, stamp(cell.folder), 1) for cell in cells]], retries=1)
    assert sizes == [3, 1, 1, 1, 1]
    assert (cells[0].folder / RESULT).is_file()
    failures = [read_json(cell.folder / FAILURE, Failure) for cell in cells[1:]]
    assert [(failure.error, failure.attempts) for failure in failures] == [
        ("FloatingPointError: loss nan", 1),
        ("RuntimeError: broken", 2),
    ]


def test_the_runs_of_a_lost_job_are_submitted_again_together_and_then_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[list[list[int]]] = []

    def submit(packs: Sequence[Pack], settings: Slurm, sweep: Path) -> list[object]:
        submitted.extend([[job.cell.run.seed for job in group] for group in pack] for pack in packs)
        return []

    monkeypatch.setattr("harness.engine.slurm._submit", submit)
    cells = sorted(cells_of(toy_runs(tmp_path, 4)), key=lambda cell: cell.run.seed)
    jobs = [Job(cell, stamp(cell.folder)) for cell in cells]
    first, later = jobs[:2], jobs[2:]
    view, tally = View(Console(quiet=True), jobs), Tally()
    for lost in ([[first, later]], [[first]], [[[jobs[0]]], [[jobs[1]]]], [[[jobs[0]]]]):
        slurm._again(lost, Slurm(retries=1), tmp_path / "s", tally, view)
    view.stop()
    # What the first job had not begun is a job again, and has lost no try.
    assert submitted == [[[0, 1]], [[2, 3]], [[0]], [[1]], [[0]], [[1]]]
    assert [(job.attempt, job.together) for job in later] == [(1, 0)] * 2
    failure = read_json(cells[0].folder / FAILURE, Failure)
    assert failure.attempts == 2 and failure.signal == "SIGKILL" and tally.failed == 1


def alone(folder: Path, count: int) -> list[list[Job]]:
    """Runs of equal cost, a group each."""
    cells = cells_of(toy_runs(folder, count))
    return [[Job(cell, stamp(cell.folder))] for cell in cells]


def test_groups_share_a_job_up_to_the_runs_or_the_time_that_it_may_have(tmp_path: Path) -> None:
    groups = alone(tmp_path, 12)
    cost = sum(job.cell.cost for (job,) in groups) / 12

    def sizes(rate: float | None, **settings: Any) -> list[int]:
        packs = packed(groups, Slurm(**settings), rate)
        assert sorted(job.name for pack in packs for group in pack for job in group) == sorted(
            job.name for group in groups for job in group
        )
        return [len(pack) for pack in packs]

    assert sizes(None, runs_per_job=4) == [4, 4, 4]
    assert sizes(None, runs_per_job=5) == [5, 5, 2]
    assert sizes(None) == [1] * 12  # how long a run takes is not known
    assert sizes(10 / cost) == [12]  # 120 s are not worth a second start
    assert sizes(99 / cost) == [3, 3, 3, 3]  # at most 300 s a job
    assert sizes(99 / cost, at_once=2) == [6, 6]  # no more jobs than run at a time
    assert sizes(99 / cost, at_once=1, minutes=10) == [3, 3, 3, 3]  # half of the time limit
    assert packed([[*groups[0], *groups[1]], groups[2]], Slurm(runs_per_job=1), None) == [
        [[*groups[0], *groups[1]]],
        [groups[2]],
    ]


@pytest.mark.slurm
def test_a_warm_job_carries_out_several_runs_and_what_it_had_left_when_killed_is_done_again(
    tmp_path: Path,
) -> None:
    arguments = ("seed=range(12)", "hydra/launcher=slurm", "hydra.launcher.runs_per_job=4")
    launched = start(tmp_path, *arguments, faults=dict.fromkeys(range(12), "slow"))
    end = time.monotonic() + 120
    while len(list(tmp_path.glob(f"s/*/{RESULT}"))) < 2:
        assert time.monotonic() < end and launched.poll() is None
        time.sleep(0.1)
    notes = [owner_note(path.parent) for path in tmp_path.glob("s/*/.lock")]
    os.kill(next(note["pid"] for note in notes if note and "pid" in note), signal.SIGKILL)
    said, _ = launched.communicate(timeout=400)
    assert launched.returncode == 0, said
    assert "submitted 12 runs as Slurm job" in said and " of 3\n" in said
    results = [read_json(path, Result) for path in tmp_path.glob(f"s/*/{RESULT}")]
    assert len(results) == 12
    assert sorted(tries(tmp_path / "s").values()) == [1] * 11 + [2]  # the one under way


@pytest.mark.slurm
def test_a_sweep_runs_also_where_a_job_is_killed(tmp_path: Path) -> None:
    launched = start(
        tmp_path, *COMMAND, "hydra.launcher.at_once=2", faults=dict.fromkeys(range(6), "slow")
    )
    end = time.monotonic() + 90
    victim: int | None = None
    while victim is None:
        assert time.monotonic() < end and launched.poll() is None
        time.sleep(0.1)
        for path in tmp_path.glob("s/*/.lock"):
            note = owner_note(path.parent)
            victim = note["pid"] if note and "pid" in note else victim
    os.kill(victim, signal.SIGKILL)
    said, _ = launched.communicate(timeout=200)
    assert launched.returncode == 0, said
    assert len(list(tmp_path.glob(f"s/*/{RESULT}"))) == 6
    assert sorted(tries(tmp_path / "s").values()) == [1, 1, 1, 1, 1, 2]
    assert "its Slurm job ended without an outcome, submitted again" in said
    again = start(tmp_path, *COMMAND)
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0 and "6 of 6 runs finished already" in said


@pytest.mark.slurm
def test_a_run_whose_job_is_killed_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_FAULT_FLAG", str(tmp_path / "once"))
    arguments = ("hydra/launcher=slurm", "checkpoint_seconds=1e-9", "train.epochs=4")
    launched = start(tmp_path, *arguments, faults={0: "midway"})
    said, _ = launched.communicate(timeout=200)
    assert launched.returncode == 0, said
    (folder,) = (path.parent for path in tmp_path.glob(f"s/*/{RESULT}"))
    assert tries(folder.parent) == {folder.name: 2}
    assert len(read_json(folder / RESULT, Result).provenance["resumed"]) == 1
    (calm,) = cells_of([run_of(*overrides(tmp_path), "sweep=calm", "train.epochs=4")])
    execute(calm, lambda phase, share: None, Warm())
    assert figures(folder) == figures(calm.folder)


@pytest.mark.slurm
def test_a_run_that_fails_is_recorded_by_its_job(tmp_path: Path) -> None:
    arguments = ("seed=0,1", "hydra/launcher=slurm", "hydra.launcher.retries=1")
    launched = start(tmp_path, *arguments, faults={1: "raise"})
    said, _ = launched.communicate(timeout=200)
    assert launched.returncode == 1, said
    (path,) = tmp_path.glob(f"s/*-s1-*/{FAILURE}")
    failure = read_json(path, Failure)
    assert failure.error == "RuntimeError: injected" and failure.attempts == 2
    assert len(list(tmp_path.glob(f"s/*/{RESULT}"))) == 1


@pytest.mark.slurm
def test_a_detached_sweep_is_seen_and_cancelled(tmp_path: Path) -> None:
    arguments = (*COMMAND, "hydra.launcher.detach=true", "hydra.launcher.at_once=1")
    launched = start(tmp_path, *arguments, faults=dict.fromkeys(range(6), "hang"))
    said, _ = launched.communicate(timeout=60)
    assert launched.returncode == 0 and "submitted 6 runs as Slurm job" in said, said
    folder = tmp_path / "s"
    end = time.monotonic() + 60
    while not status_of(folder).running:
        assert time.monotonic() < end
        time.sleep(0.2)
    (job,) = status_of(folder).plan.launches[-1].jobs
    cancelled = subprocess.run(
        [sys.executable, "-m", "harness", "cancel", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert cancelled.stdout.startswith(f"cancelled {job}; ")
    while any(known.startswith(job) for known in known_jobs() or ()):
        assert time.monotonic() < end + 60
        time.sleep(0.2)
    status = status_of(folder)
    assert len(status.waiting) == 6 and not status.running
