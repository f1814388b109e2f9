"""Who works on a run: one process at a time, whatever is tidied away around it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine.attempt import Message, Try, attempt
from harness.engine.cells import cells_of
from harness.engine.locks import LOCK, LockLost, lock, owner_note
from harness.records import LOG, RESULT, STEPS, Result, StepRecord
from harness.records.storage import read_json, read_jsonl
from harness.run.identity import stamp
from harness.run.warm import Warm
from tests.tiny_sweep import inline, start, toy_runs


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_lock_is_exclusive_and_ends_with_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "s" / "run"
    code = (
        "import sys, time; from pathlib import Path; from harness.engine.locks import lock\n"
        "held = lock(Path(sys.argv[1])); held.note({'share': 0.5})\n"
        "print('held', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout and owner.stdout.readline() == "held\n"
    assert lock(folder) is None and owner_note(folder) == {"share": 0.5}
    owner.kill()
    owner.communicate()
    assert owner_note(folder) is None
    held = lock(folder)
    assert held is not None
    with held:
        assert lock(folder) is None
    assert owner_note(folder) is None and owner_note(tmp_path / "s" / "other") is None


def test_whoever_takes_a_removed_lock_has_it_and_the_first_owner_notices(tmp_path: Path) -> None:
    first = lock(tmp_path / "run")
    assert first is not None
    first.note({"share": 0.1})
    (tmp_path / "run" / LOCK).unlink()
    with pytest.raises(LockLost, match="run: its lock is gone or another's"):
        first.note({"share": 0.2})
    second = lock(tmp_path / "run")
    assert second is not None
    second.note({"share": 0.3})
    with pytest.raises(LockLost):
        first.check()
    second.check()
    assert owner_note(tmp_path / "run") == {"share": 0.3}


def test_a_file_system_that_locks_for_one_host_alone_is_noticed_by_the_other_owners_note(
    tmp_path: Path,
) -> None:
    """As on network file systems whose locks do not reach the other hosts."""
    first = lock(tmp_path / "run")
    assert first is not None
    first.note({"host": "a"})
    file = tmp_path / "run" / LOCK
    file.write_bytes(json.dumps({"host": "b", "owner": "b:1"}).ljust(512).encode())
    with pytest.raises(LockLost):
        first.note({"host": "a"})
    assert json.loads(file.read_bytes())["host"] == "b"


@pytest.mark.process
def test_tidying_around_a_run_under_way_lets_no_two_launches_write_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "goes on"
    monkeypatch.setenv("HARNESS_FAULT_FLAG", str(flag))
    first = start(tmp_path, "seed=0", faults={0: "linger"})
    wait_until(lambda: list(tmp_path.glob(f"s/*/{STEPS}")))
    (cell,) = cells_of(toy_runs(tmp_path, 1))

    def second() -> str:
        ended: list[Message] = []
        attempt([Try(cell, stamp(cell.folder), 1)], ended.append, Warm())
        return ended[-1].kind

    shutil.rmtree(tmp_path / "s" / ".sweep")
    assert second() == "taken"
    shutil.rmtree(cell.folder)
    assert second() == "finished"
    written = (cell.folder / RESULT).stat().st_mtime_ns
    flag.touch()
    said, _ = first.communicate(timeout=90)
    assert first.returncode == 0 and "finished meanwhile" in said, said
    assert (cell.folder / RESULT).stat().st_mtime_ns == written
    assert (cell.folder / LOG).read_text().count("== try") == 1
    steps = list(read_jsonl(cell.folder / STEPS, StepRecord))
    assert read_json(cell.folder / RESULT, Result).steps == len(steps)


def test_a_retry_removes_the_harness_own_files_alone(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    inline([run])
    (folder,) = (path.parent for path in tmp_path.glob(f"s/*/{RESULT}"))
    (folder / "notes.md").write_text("mine")
    (folder / "analysis.json").write_text("{}")
    (folder / RESULT).unlink()
    inline([run])
    assert (folder / "notes.md").read_text() == "mine"
    assert (folder / "analysis.json").read_text() == "{}" and (folder / RESULT).is_file()
