"""The state of a sweep, read from its files alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine.locks import Lock, lock
from harness.engine.plan import Launched, PlannedRun, add_to_plan
from harness.engine.status import main, status_of
from harness.records import CONFIG, FAILURE, RESULT, Failure
from harness.records.storage import write_json
from tests import fakes


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Path]:
    """Three finished runs, one failed, one running for half of its work, one waiting."""
    folder = fakes.write_sweep(tmp_path / "sweep", sizes=(100,), prompts=4)
    done = sorted(path.parent.name for path in folder.glob(f"*/{RESULT}"))
    names = [*done, "bad", "busy", "later"]
    launched = Launched(
        started="2026-01-01T00:00:00+00:00", host="h", commit="c" * 40, dirty=False, launcher="pool"
    )
    add_to_plan(
        folder,
        [PlannedRun(run=name, identity="0", contents="0", cost=10.0, threads=1) for name in names],
        launched,
    )
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
        "import sys; from harness.engine.status import main; main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(sweep)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        f"{sweep}: 6 runs: 3 finished, 1 running, 1 failed, 1 waiting; 3.0 a minute; about 0:00:30 left"
    )
    assert "busy" in done.stdout and "node, process 7" in done.stdout and "50 %" in done.stdout
    assert sum(line.startswith("finished ") and "answer NLL" in line for line in lines) == 3
    assert "failed bad: RuntimeError: no, tried 3 ×" in lines


def test_a_folder_without_a_sweep_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"harness.status: {tmp_path}: no sweep was launched here, expected a folder runs/<sweep>\n"
    )
