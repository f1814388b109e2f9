"""A full disk, a read-only folder, lost data: one clear line, the sweep goes on where it can. On
file systems of the kernel's memory, which are really full, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import read_json
from tests.tiny import write_records
from tests.tiny_sweep import environment, figures, overrides, start, sweep, toy_runs

UNSHARE = (
    ["unshare", "--mount"]
    if os.geteuid() == 0
    else ["unshare", "--user", "--map-root-user", "--mount"]
)
MOUNT = 'mount -t tmpfs -o size=$SIZE tmpfs "$PLACE"; '


def mounted(
    script: str, place: Path, size: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run shell commands beside a small file system at `place`, `$RUN` being a sweep of toy runs
    into it.
    """
    place.mkdir()
    if subprocess.run(
        [*UNSHARE, "sh", "-c", MOUNT], env={**os.environ, "SIZE": "1m", "PLACE": str(place)}
    ).returncode:
        pytest.skip("needs the right to mount a tmpfs: root, or user namespaces")
    command = [
        sys.executable,
        "-m",
        "harness",
        "-m",
        *overrides(place.parent),
        f"runs={place}",
        *arguments,
    ]
    run = 'run() { "$@" || echo exit code $?; }; '
    return subprocess.run(
        [*UNSHARE, "bash", "-c", f"set -e; {MOUNT}{run}{script}", "bash", *command],
        env={**os.environ, **environment({}), "SIZE": size, "PLACE": str(place)},
        cwd=place.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_a_full_disk_costs_the_runs_that_no_longer_fit_until_there_is_room(tmp_path: Path) -> None:
    script = """
        run "$@" seed='range(5)'
        cp -r "$PLACE/s" first
        mount -o remount,size=4m "$PLACE"
        run "$@" seed='range(5)' retry=failed
        cp -r "$PLACE/s" second
    """
    done = mounted(
        script, tmp_path / "small", "100k", "hydra.launcher.slots=1", "hydra.launcher.retries=0"
    )
    assert done.returncode == 0, done.stderr
    first, _, second = done.stdout.partition("exit code 1\n")
    assert "Traceback" not in done.stdout + done.stderr
    failed = [line for line in first.splitlines() if "] failed full-" in line]
    assert failed and all(
        f"[Errno 28] No space left on device: '{tmp_path}/small/s/full-" in line for line in failed
    )
    whole = [read_json(path, Result) for path in tmp_path.glob(f"first/*/{RESULT}")]
    assert 1 <= len(whole) == 5 - len(failed)
    assert not list(tmp_path.glob("first/*/.*.partial"))
    assert f"{len(whole)} of 5 runs finished already" in second and "exit code" not in second
    calm = tmp_path / "calm"
    calm.mkdir()
    sweep(toy_runs(calm, 5), slots=1)
    for folder in (path.parent for path in calm.glob(f"s/*/{RESULT}")):
        assert figures(tmp_path / "second" / folder.name) == figures(folder)


@pytest.mark.process
def test_a_read_only_folder_is_one_line_before_any_run(tmp_path: Path) -> None:
    place = tmp_path / "small"
    done = mounted('mount -o remount,ro "$PLACE"; run "$@"', place, "1m", "seed=0,1")
    assert done.stderr == f"harness: {place}/s: Read-only file system\n"
    assert done.stdout.endswith("exit code 2\n") and "finished" not in done.stdout


@pytest.mark.process
def test_a_disk_that_is_full_at_launch_is_one_line_with_the_file(tmp_path: Path) -> None:
    place = tmp_path / "small"
    script = 'dd if=/dev/zero of="$PLACE/fill" bs=1k count=16 2> /dev/null || true; run "$@"'
    done = mounted(script, place, "16k", "seed=0,1")
    assert done.stderr == f"harness: {place}/s/.sweep/plan.json: No space left on device\n"


@pytest.mark.slow
def test_a_data_file_lost_after_planning_costs_its_own_runs_alone(tmp_path: Path) -> None:
    lost = write_records(tmp_path / "lost.jsonl", 32)
    launched = start(
        tmp_path, "seed=0,1", f"data.path={lost},{tmp_path / 'records.jsonl'}",
        "hydra.launcher.slots=1", faults={0: "slow", 1: "slow"},
    )  # fmt: skip
    while not (tmp_path / "s/.sweep/plan.json").exists():
        assert launched.poll() is None
        time.sleep(0.01)
    lost.unlink()  # before any worker is there to read it
    said, _ = launched.communicate(timeout=60)
    assert launched.returncode == 1 and "Traceback" not in said
    failures = [read_json(path, Failure) for path in tmp_path.glob(f"s/*/{FAILURE}")]
    error = f"DataError: data.path={lost}: [Errno 2] No such file or directory: '{lost}'"
    assert [(failure.error, failure.attempts) for failure in failures] == [(error, 1)] * 2
    assert sorted(read_json(path, Result).seed for path in tmp_path.glob(f"s/*/{RESULT}")) == [0, 1]
    assert said.count(f": {error}\n") == 2 and said.count("] finished ") == 2
