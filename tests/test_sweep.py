"""The sweep engine: a failing run costs itself alone; launches continue and share the work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.launchers import Pool
from harness.config.schema import with_launch
from harness.config.validate import ConfigError
from harness.engine.launchers import Outcome
from harness.engine.locks import owner_note
from harness.engine.plan import Launched, PlannedRun, add_to_plan, read_plan
from harness.engine.slots import gpu_bytes, places, workers
from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import read_json
from harness.run.identity import settled, stamp
from tests.tiny import gpt_in
from tests.tiny_sweep import environment, start, sweep, toy_runs, tries

FAULTS = {12: "raise", 13: "exit", 14: "hang", 15: "leave", 16: "diverge"}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, str]:
    """A sweep of 12 good runs and 5 bad ones."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment(FAULTS).items():
            patch.setenv(key, value)
        runs = toy_runs(folder, 17)
        outcome, said = sweep(
            [*runs, with_launch(runs[0], threads=3)], slots=2, retries=0, timeout=4.0
        )
    return folder / "s", outcome, said


def failure_of(folder: Path, seed: int) -> Failure:
    (path,) = folder.glob(f"*-s{seed}-*/{FAILURE}")
    return read_json(path, Failure)


@pytest.mark.process
def test_failing_runs_cost_themselves_alone(faulty: tuple[Path, Outcome, str]) -> None:
    folder, outcome, said = faulty
    assert outcome == Outcome(12, 0, 5)
    results = [read_json(path, Result) for path in folder.glob(f"*/{RESULT}")]
    assert sorted(result.seed for result in results) == list(range(12))
    assert said.count("finished full-nano-records-n6-s") == 12
    assert "held-out response NLL" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("seed", "error", "trace", "signal_name"),
    [
        (12, "RuntimeError: injected", "with a second line", ""),
        (13, "SystemExit: 3", "in go_wrong", ""),
        (
            14,
            "no progress for 4 s (hydra.launcher.timeout); the worker was killed",
            "in go_wrong",
            "SIGKILL",
        ),
        (15, "the worker exited with code 4", "== try 1", ""),
        (16, "FloatingPointError: step 1: loss nan", "FloatingPointError: step 1", ""),
    ],
)
def test_a_failure_is_recorded_with_its_cause(
    faulty: tuple[Path, Outcome, str], seed: int, error: str, trace: str, signal_name: str
) -> None:
    failure = failure_of(faulty[0], seed)
    assert failure.error == error and trace in failure.traceback
    assert failure.signal == signal_name and failure.attempts == 1
    assert f"-s{seed}-" in failure.run and f"failed {failure.run}: {error}" in faulty[2]


def test_the_same_command_starts_no_run_again(faulty: tuple[Path, Outcome, str]) -> None:
    folder = faulty[0]
    before = tries(folder)
    outcome, said = sweep(toy_runs(folder.parent, 17), slots=2)
    assert outcome == Outcome(0, 12, 5) and tries(folder) == before
    assert "12 of 17 runs finished already" in said
    assert "5 of 17 runs failed earlier and left so; retry=failed tries them again" in said


def test_failed_runs_are_tried_again_where_asked_for_and_a_finished_one_by_force(
    faulty: tuple[Path, Outcome, str],
) -> None:
    folder = faulty[0]
    before = tries(folder)
    runs = toy_runs(folder.parent, 17)
    wanted = [runs[0], *(with_launch(run, retry="failed") for run in runs[12:14])]
    outcome, _ = sweep(wanted, slots=1)
    assert outcome == Outcome(2, 1, 0)
    assert not list(folder.glob(f"*-s12-*/{FAILURE}"))
    (result,) = folder.glob(f"*-s1-*/{RESULT}")
    old = read_json(result, Result)
    assert sweep([with_launch(runs[1], force=True)], slots=1)[0] == Outcome(1, 0, 0)
    new = read_json(result, Result)
    assert new.nll == old.nll and new.identity == old.identity
    begun = {
        run: count - before[run] for run, count in tries(folder).items() if count != before[run]
    }
    assert sorted((run.split("-")[4], count) for run, count in begun.items()) == [
        ("s1", 1),
        ("s12", 1),
        ("s13", 1),
    ]


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "once"
    for key, value in environment({0: "once"}).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("HARNESS_FAULT_FLAG", str(flag))
    outcome, said = sweep(toy_runs(tmp_path, 2), slots=1)
    assert outcome == Outcome(2, 0, 0) and sorted(tries(tmp_path / "s").values()) == [1, 2]
    assert "try 1 of 3: the worker was killed by SIGKILL; again in 1 s" in said


@pytest.mark.process
def test_two_launches_at_once_share_the_work(tmp_path: Path) -> None:
    launches = [start(tmp_path, "seed=range(10)", "hydra.launcher.slots=1") for _ in range(2)]
    said = [launched.communicate()[0] for launched in launches]
    assert [launched.returncode for launched in launches] == [0, 0], said
    assert list(tries(tmp_path / "s").values()) == [1] * 10
    assert len(list((tmp_path / "s").glob(f"*/{RESULT}"))) == 10


def test_an_outcome_newer_than_the_launch_is_another_launchs(tmp_path: Path) -> None:
    before = stamp(tmp_path)
    assert before == (0, 0) and not settled(tmp_path, before)
    (tmp_path / FAILURE).write_text("{}")
    assert settled(tmp_path, before) and not settled(tmp_path, stamp(tmp_path))
    earlier = stamp(tmp_path)
    (tmp_path / FAILURE).unlink()  # a try has begun
    assert not settled(tmp_path, earlier)
    (tmp_path / RESULT).write_text("{}")
    assert settled(tmp_path, earlier)


def test_the_plan_grows_and_a_change_of_code_is_told(tmp_path: Path) -> None:
    def launched(commit: str) -> Launched:
        return Launched(
            started="2026-01-01T00:00:00+00:00",
            host="h",
            commit=commit,
            dirty=False,
            launcher="pool",
        )

    def planned(name: str, cost: float) -> PlannedRun:
        return PlannedRun(run=name, identity=name, contents="0", cost=cost, threads=1)

    a, b = planned("a", 1.0), planned("b", 2.0)
    assert add_to_plan(tmp_path, [a], launched("aaaaaaaaaa")) == ({"a": a}, [])
    # Another launch at the same time called it otherwise, and has other threads.
    other = replace(a, run="a-lr0.1", threads=3)
    assert add_to_plan(tmp_path, [other, b], launched("aaaaaaaaaa")) == ({"a": a, "b": b}, [])
    _, (warning,) = add_to_plan(tmp_path, [], launched("bbbbbbbbbb"))
    assert warning.endswith(
        "launched before with code aaaaaaaa, now with bbbbbbbb; each result names its own"
    )
    plan = read_plan(tmp_path)
    assert plan and [run.run for run in plan.runs] == ["b", "a"] and len(plan.launches) == 3


def test_workers_are_spread_over_gpus_or_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.engine.slots.cpus", lambda: 16)
    runs = toy_runs(tmp_path, 2) * 5
    assert workers(["4", "7"], Pool(slots_per_gpu=1), runs) == 2
    assert workers(["4", "7"], Pool(slots_per_gpu=2), runs) == 4
    assert workers(["4", "7"], Pool(slots=3), runs) == workers([], Pool(slots=3), runs) == 3
    assert workers([], Pool(), runs) == 16
    assert workers([], Pool(), [*runs, with_launch(runs[0], threads=6)]) == 2
    assert workers([], Pool(), [with_launch(runs[0], threads=20)]) == 1
    assert places(["4", "7"], 3) == ["4", "7", "4"] and places([], 2) == [None, None]


def test_a_gpu_is_shared_by_as_many_workers_as_memory_and_cores_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.engine.slots.cpus", lambda: 16)
    tiny = toy_runs(tmp_path, 2) * 5
    model = replace(gpt_in(tiny[0]), layers=48, width=1600, context=1024)  # GPT-2 XL
    big = replace(tiny[0], model=model, train=replace(tiny[0].train, batch_tokens=512))
    trained = 2 * 512 * (48 * 1600 * 68 + 8192 * 6)
    assert gpu_bytes(big) == 2**30 + 16 * 1_490_307_200 + trained + 4096 * 1600 * 34
    monkeypatch.setattr("harness.engine.slots.gpu_memory", lambda: 80 * 2**30)
    assert workers(["4", "7"], Pool(), tiny) == 8
    assert workers(["4"], Pool(), [*tiny, big]) == 2
    monkeypatch.setattr("harness.engine.slots.gpu_memory", lambda: 24 * 2**30)
    assert workers(["4"], Pool(), [*tiny, big]) == 1
    monkeypatch.setattr("harness.engine.slots.cpus", lambda: 4)
    assert workers(["4", "7"], Pool(), tiny) == 4


def test_faulty_settings_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Pool(slots="many", slots_per_gpu=0, retries=-1, timeout=-1.0).check()
    assert [fault.split("=")[0] for fault in caught.value.faults] == [
        f"hydra.launcher.{key}" for key in ("slots", "slots_per_gpu", "retries", "timeout")
    ]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_one_line_and_costs_its_run_alone(
    tmp_path: Path,
) -> None:
    runs = toy_runs(tmp_path, 2)
    sweep(runs[:1], slots=1)
    (made,) = (tmp_path / "s").glob("*-s0-*")
    blocked = tmp_path / "t" / made.name
    blocked.parent.mkdir()
    blocked.write_text("a file where the run's folder should be")
    outcome, said = sweep([with_launch(run, sweep="t") for run in runs], slots=1, retries=0)
    assert outcome == Outcome(1, 0, 1)
    assert f"{made.name}: its failure cannot be recorded: " in said and "Traceback" not in said


@pytest.mark.slow
def test_ctrl_c_lets_runs_end_and_twice_stops_at_once(tmp_path: Path) -> None:
    """As from a terminal: every process of the group gets the signal."""
    folder, arguments = tmp_path / "s", ("seed=range(5)", "hydra.launcher.slots=2")

    def running() -> int:
        return sum("pid" in (owner_note(path.parent) or {}) for path in folder.glob("*/.lock"))

    def finished() -> int:
        return len(list(folder.glob(f"*/{RESULT}")))

    launched = start(tmp_path, *arguments, faults=dict.fromkeys(range(5), "slow"), group=True)
    wait_until(lambda: running() == 2)
    os.killpg(launched.pid, signal.SIGINT)
    said, _ = launched.communicate(timeout=30)
    assert launched.returncode == 130 and finished() == 2 and len(tries(folder)) == 2
    assert (
        "stopping once the runs under way have ended" in said
        and "the same command continues" in said
    )

    launched = start(tmp_path, *arguments, faults=dict.fromkeys(range(5), "hang"), group=True)
    wait_until(lambda: running() == 2)
    os.killpg(launched.pid, signal.SIGINT)
    time.sleep(1.0)
    assert launched.poll() is None  # waits for the runs, which would be for ever
    os.killpg(launched.pid, signal.SIGINT)
    more, _ = launched.communicate(timeout=10)
    assert (
        launched.returncode == 130
        and finished() == 2
        and len(tries(folder)) == 4
        and running() == 0
    )
    assert "Traceback" not in said + more and not list(folder.glob(f"*/{FAILURE}"))

    launched = start(tmp_path, *arguments, group=True)  # in the middle of the workers' imports
    wait_until(lambda: "spawn_main" in processes(launched.pid))
    time.sleep(0.3)
    os.killpg(launched.pid, signal.SIGINT)
    early, _ = launched.communicate(timeout=30)
    assert (
        launched.returncode == 130
        and "Traceback" not in early
        and "the same command continues" in early
    )

    launched = start(tmp_path, *arguments)
    said, _ = launched.communicate(timeout=60)
    assert launched.returncode == 0 and finished() == 5 and "2 of 5 runs finished already" in said
    assert sorted(tries(folder).values()) == [1, 1, 1, 2, 2]


def processes(parent: int) -> str:
    """Command lines of a process's children."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return "\n".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in children)
    except OSError:
        return ""


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
