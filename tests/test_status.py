"""The state of a sweep, read from its files alone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.__main__ import main
from harness.engine.locks import Lock, lock, under_way
from harness.engine.plan import Launched, PlannedRun, add_to_plan
from harness.engine.status import render, status_of
from harness.records import CONFIG, FAILURE, RESULT, Failure, Result
from harness.records.storage import read_json, write_json
from tests import fakes

LAUNCHED = Launched(
    started="2026-01-01T00:00:00+00:00", host="h", commit="c" * 40, dirty=False, launcher="pool"
)


def planned(name: str) -> PlannedRun:
    return PlannedRun(run=name, identity=name, contents="0", cost=10.0, threads=1)


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Path]:
    """Three finished runs, one failed, one running for half of its work, one waiting."""
    folder = fakes.write_sweep(tmp_path / "sweep", sizes=(100,), prompts=4)
    done = sorted(path.parent.name for path in folder.glob(f"*/{RESULT}"))
    names = [*done, "bad", "busy", "later"]
    add_to_plan(folder, [planned(name) for name in names], LAUNCHED)
    for place, name in enumerate(done):
        result, config = folder / name / RESULT, folder / name / CONFIG
        set_time(config, 1000.0 + 20 * place)
        set_time(result, 1020.0 + 20 * place)
    (folder / "bad").mkdir()
    write_json(
        folder / "bad" / FAILURE,
        Failure(run="bad", identity="0", error="RuntimeError: no", attempts=3),
    )
    held = lock(folder / "busy")
    assert isinstance(held, Lock)
    with held:
        held.note({"pid": 7, "host": "node", "attempt": 2, "phase": "train", "share": 0.5})
        yield folder


def set_time(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))


def test_every_run_is_in_one_state(sweep: Path) -> None:
    status = status_of(sweep)
    assert len(status.finished) == 3 and status.failed == ["bad"] and status.waiting == ["later"]
    (running,) = status.running
    assert running.run == "busy" and running.note["share"] == 0.5
    # 20 s a run, half a run and a whole one left, on one worker; runs end 20 s apart.
    assert status.eta == pytest.approx(30.0) and status.rate == pytest.approx(3.0)


def test_it_is_printed_without_torch(sweep: Path) -> None:
    code = (
        "import sys; from harness.__main__ import main; main(['status', *sys.argv[1:]]); "
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(sweep)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        f"{sweep}: 6 runs: 3 finished, 1 running, 1 failed, 1 waiting; "
        "3.0 a minute; about 0:00:30 left"
    )
    assert "busy" in done.stdout and "node, process 7" in done.stdout and "50 %" in done.stdout
    assert (
        sum(line.startswith("finished ") and "held-out response NLL" in line for line in lines) == 3
    )
    assert "failed bad: RuntimeError: no, tried 3 ×" in lines


@pytest.mark.process
def test_watching_waits_for_the_sweep_and_ends_with_its_launch(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "status", str(tmp_path), "--watch"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert watching.stdout
    assert watching.stdout.readline() == f"{tmp_path}: waiting for a sweep to be launched here\n"
    with under_way([tmp_path]):
        add_to_plan(tmp_path, [planned("a"), planned("b")], LAUNCHED)
        with pytest.raises(subprocess.TimeoutExpired):
            watching.wait(timeout=3.0)  # between two runs, nothing is at work
    said, _ = watching.communicate(timeout=20)
    assert watching.returncode == 0
    assert "2 runs: 0 finished, 0 running, 0 failed, 2 waiting" in " ".join(said.split())


def test_of_many_finished_runs_only_those_shown_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"r{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        (tmp_path / name).mkdir()
        (tmp_path / name / RESULT).touch()
        set_time(tmp_path / name / RESULT, 1000.0 + number)
    add_to_plan(tmp_path, [planned(name) for name in names], LAUNCHED)
    read: list[str] = []

    def noted(path: Path, kind: type[Result]) -> Result:
        read.append(path.parent.name)
        return read_json(path, kind)

    monkeypatch.setattr("harness.engine.status.read_json", noted)
    monkeypatch.setattr("harness.engine.status.owner_note", None)  # nor is a lock looked at
    render(tmp_path, status_of(tmp_path))
    assert read == ["r195", "r196", "r197", "r198", "r199"]


def test_running_runs_are_told_apart_by_what_is_swept(tmp_path: Path) -> None:
    names = [f"r{number:02}" for number in range(23)]
    runs = [replace(planned(name), label=f"train.lr={name}") for name in names]
    add_to_plan(tmp_path, runs, LAUNCHED)
    with ExitStack() as stack:
        for name in names:
            held = lock(tmp_path / name)
            assert held is not None
            stack.enter_context(held)
            held.note({"phase": "train"})
        console = Console(record=True, width=120, file=io.StringIO())
        console.print(render(tmp_path, status_of(tmp_path)))
    said = console.export_text()
    assert "r19 (train.lr=r19)" in said and "r20" not in said and "and 3 more running" in said


def test_a_folder_without_a_sweep_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"harness status: {tmp_path}: no sweep was launched here, expected a folder runs/<sweep>\n"
    )
