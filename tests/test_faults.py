"""A sweep under fire: killed workers, a killed parent, runs that raise, exit, hang and eat memory.
Slow.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.schema import Run
from harness.engine.locks import LOCK, owner_note
from harness.engine.status import status_of
from harness.records import CHECKPOINT, FAILURE, RESULT, STEPS, Failure, Result, StepRecord
from harness.records.storage import read_json, read_jsonl
from tests.tiny_sweep import figures, start, sweep, toy_runs, tries

RUNS = 64
FAULTS = {60: "raise", 61: "exit", 62: "hang", 63: "eat"}
GOOD = [seed for seed in range(RUNS) if seed not in FAULTS]
PARENT_KILLS = 3
TIMEOUT = 8
EPOCHS = 20
"""So that some kills come in the middle of training."""


def workers(parent: int) -> list[int]:
    """Process ids of a launch's workers."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [
            int(pid)
            for pid in children
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
    except OSError:
        return []


def at_work(folder: Path) -> list[int]:
    """Process ids of the workers that are at a run."""
    notes = [owner_note(path.parent) for path in folder.glob(f"*/{LOCK}")]
    return sorted({note["pid"] for note in notes if note and "pid" in note})


def relaunch(folder: Path, stack: int) -> subprocess.Popen[str]:
    arguments = [
        f"seed=range({RUNS})",
        f"stack={stack}",
        "hydra.launcher.slots=2",
        f"hydra.launcher.timeout={TIMEOUT}",
        "hydra.launcher.retries=6",
        f"train.epochs={EPOCHS}",
        "checkpoint_seconds=0.05",
    ]
    slow = dict.fromkeys(GOOD, "nap")  # so that a kill at a random moment has something to hit
    return start(folder, *arguments, faults={**slow, **FAULTS})


def good(folder: Path) -> list[Run]:
    """The runs that nothing is wrong with, as `relaunch` has them."""
    runs = [run for run in toy_runs(folder, RUNS) if run.seed in GOOD]
    return [replace(run, train=replace(run.train, epochs=EPOCHS)) for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("stack", [1, 8])
def test_no_run_is_lost_torn_or_changed(tmp_path: Path, stack: int) -> None:
    chance = random.Random(0)
    folder = tmp_path / "s"
    killed = parents = 0
    launched = relaunch(tmp_path, stack)
    marks = [10, 25, 40]  # finished runs at which the parent is killed
    end = time.monotonic() + 1500
    while launched.poll() is None:
        assert time.monotonic() < end, "the sweep hangs"
        time.sleep(chance.uniform(0.5, 7.0))
        done = len(list(folder.glob(f"*/{RESULT}")))
        if parents < PARENT_KILLS and done >= marks[parents]:
            orphans = workers(launched.pid)
            launched.kill()
            launched.communicate()
            parents += 1
            time.sleep(0.5)
            assert not any(alive(pid) for pid in orphans), "a worker outlived its parent"
            launched = relaunch(tmp_path, stack)
        elif done < len(GOOD) and killed < (25 if stack == 1 else 15):
            busy = at_work(folder)
            if busy:  # to kill one at its imports, which are slow beside other work, hits no run
                os.kill(chance.choice(busy), signal.SIGKILL)
                killed += 1
    said, _ = launched.communicate()
    assert launched.returncode == 1 and parents == PARENT_KILLS and killed >= 5, said

    failed = {
        failure.run: failure
        for failure in (read_json(path, Failure) for path in folder.glob(f"*/{FAILURE}"))
    }
    results = {
        result.seed: result
        for result in (read_json(path, Result) for path in folder.glob(f"*/{RESULT}"))
    }
    assert len(failed) + len(results) == RUNS
    assert set(GOOD) <= set(results) and not set(FAULTS) & set(results)
    reasons = {int(run.split("-")[4][1:]): failure.error for run, failure in failed.items()}
    assert reasons[60] == "RuntimeError: injected" and reasons[61] == "SystemExit: 3"
    assert reasons[62].startswith(f"no progress for {TIMEOUT} s") and "MemoryError" in reasons[63]
    status = status_of(folder)
    assert (len(status.finished), len(status.failed), status.running, status.waiting) == (
        60,
        4,
        [],
        [],
    )
    assert sum(tries(folder).values()) > RUNS
    assert not list(folder.glob("*/.*.partial")), "an interrupted write was left behind"

    calm = tmp_path / "calm"
    calm.mkdir()
    outcome, _ = sweep(good(tmp_path), slots=2)
    assert outcome.skipped == len(GOOD)  # identities agree with those of the disturbed sweep
    outcome, _ = sweep(good(calm), slots=2)
    assert outcome.finished == len(GOOD)
    for result in results.values():
        list(read_jsonl(folder / result.run / STEPS, StepRecord))
        if stack == 1:
            assert figures(folder / result.run) == figures(calm / "s" / result.run)
        else:  # a run may have gone on alone from a checkpoint of its stack, which sums otherwise
            other = read_json(calm / "s" / result.run / RESULT, Result)
            assert result.nll["test"]["answer"] == pytest.approx(
                other.nll["test"]["answer"], rel=1e-3
            )
    resumed = sum(bool(result.provenance["resumed"]) for result in results.values())
    assert resumed and not list(folder.glob(f"*/{CHECKPOINT}"))
    print(
        f"{killed} workers and {parents} parents killed, "
        f"{sum(tries(folder).values())} tries for {RUNS} runs, "
        f"of which {resumed} went on from a checkpoint"
    )


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
