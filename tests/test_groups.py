"""Runs that train together: which share a group, and what one of them costs the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.schema import Run, with_launch
from harness.engine.job import Job, went_down
from harness.engine.launchers import Outcome
from harness.engine.queue import Queue
from harness.engine.slots import gpu_bytes, stack_limit
from harness.engine.stacks import stackable
from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import read_json
from harness.run.identity import Cell, Stamp
from tests.tiny import run_of
from tests.tiny_sweep import environment, sweep, toy_runs, tries

MICRO = run_of("model=micro")


def cell(run: Run, name: str, cost: float) -> Cell:
    return Cell(
        run=run, identity=name, contents="", folder=Path("s") / name, n_examples=1, cost=cost
    )


def cells(costs: list[float], run: Run = MICRO) -> list[Cell]:
    return [cell(run, f"r{number}", cost) for number, cost in enumerate(costs)]


def names(groups: list[list[Cell]]) -> list[list[str]]:
    return [[member.identity for member in group] for group in groups]


def test_a_limit_of_one_is_a_run_a_group_the_most_expensive_first() -> None:
    groups = stackable(cells([1.0, 3.0, 2.0]), lambda alike: 1, slots=1)
    assert names(groups) == [["r1"], ["r2"], ["r0"]]


def test_every_slot_has_a_group_though_one_group_could_hold_all() -> None:
    assert [len(group) for group in stackable(cells([1.0] * 8), lambda _: 100, slots=4)] == [2] * 4
    assert [len(group) for group in stackable(cells([1.0] * 8), lambda _: 100, slots=1)] == [8]
    assert [len(group) for group in stackable(cells([1.0] * 8), lambda _: 3, slots=1)] == [3, 3, 2]


def test_no_run_is_left_over_where_groups_hold_all() -> None:
    costs = [1.0 - number / 10_000 for number in range(384)]
    groups = stackable(cells(costs), lambda _: 64, slots=3)
    assert [len(group) for group in groups] == [64] * 6


def test_groups_are_balanced_by_cost_and_hold_runs_of_like_cost() -> None:
    groups = stackable(cells([10.0] * 4 + [1.0] * 40), lambda _: 100, slots=2)
    assert [sum(member.cost for member in group) for group in groups] == [40.0, 40.0]
    assert [len(group) for group in groups] == [4, 40]


def test_what_shapes_the_model_or_its_arithmetic_parts_groups() -> None:
    together = [
        MICRO,
        run_of("model=micro", "mask=none", "seed=3", "data.size=tiny", "train.lr=0.01"),
        run_of("model=micro", "train.epochs=1", "train.normalize=example", "train.batch_tokens=64"),
    ]
    apart = [
        run_of("model=nano"),
        run_of("model=micro", "model.context=64"),
        run_of("model=micro", "model.weights=random"),
        run_of("model=micro", "train.precision=bf16"),
        run_of("model=micro", "score.response_tokens=7"),
        run_of("model=micro", "device=cuda"),
        run_of("model=micro", "threads=7"),
    ]
    runs = [cell(run, str(number), 1.0) for number, run in enumerate([*together, *apart])]
    groups = stackable(runs, lambda _: 100, slots=1)
    assert sorted(len(group) for group in groups) == [1] * len(apart) + [len(together)]


def test_a_stack_is_as_large_as_its_workers_share_of_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = gpu_bytes(MICRO) - gpu_bytes(MICRO, 0)
    assert gpu_bytes(MICRO, 64) == gpu_bytes(MICRO, 0) + 64 * one
    monkeypatch.setattr("harness.engine.slots.gpu_memory", lambda: 80 * 2**30)
    assert stack_limit([MICRO], n_gpus=1, n_workers=1) == 64
    room = int(0.9 * 80 * 2**30) // 12
    assert stack_limit([MICRO], n_gpus=1, n_workers=12) == (room - 2**30) // one < 64
    assert stack_limit([MICRO], n_gpus=0, n_workers=2) == 1
    assert stack_limit([run_of("model=micro", "stack=5")], n_gpus=0, n_workers=2) == 5


def test_a_group_is_tried_again_once_and_then_each_of_its_runs_alone() -> None:
    jobs = [Job(each, Stamp(0, 0)) for each in cells([1.0] * 3)]
    assert went_down(jobs) == [jobs]
    assert went_down(jobs[:2]) == [[jobs[0]], [jobs[1]]]
    fresh = Job(cell(MICRO, "fresh", 1.0), Stamp(0, 0))
    assert went_down([jobs[0], fresh, jobs[2]]) == [[fresh], [jobs[0]], [jobs[2]]]
    assert [job.attempt for job in jobs] == [1, 1, 1]


def test_a_queue_gives_first_what_was_put_first_and_waits_out_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("harness.engine.queue.time.monotonic", lambda: now)
    a, b, c, d = ([Job(each, Stamp(0, 0))] for each in cells([1.0] * 4))
    queue = Queue([a, b])
    queue.put(c, pause=2.0)
    queue.put(d, pause=1.0)
    assert [queue.take(), queue.take(), queue.take()] == [a, b, None] and len(queue) == 2
    now = 3.0
    queue.put(a)
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [a, d, c, None]


def outcomes(folder: Path) -> tuple[set[int], dict[int, Failure]]:
    """Seeds that finished, and the failures of the others."""
    results = [read_json(path, Result) for path in folder.glob(f"*/{RESULT}")]
    failures = [read_json(path, Failure) for path in folder.glob(f"*/{FAILURE}")]
    seeds = {int(failure.run.split("-s")[1].split("-")[0]): failure for failure in failures}
    return {result.seed for result in results}, seeds


def test_one_run_of_a_group_fails_alone_and_the_stack_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment({1: "diverge"}).items():
        monkeypatch.setenv(key, value)
    runs = [with_launch(run, stack=4) for run in toy_runs(tmp_path, 4)]
    outcome, said = sweep(runs, slots=1, retries=0)
    assert outcome == Outcome(3, 0, 1)
    finished, failed = outcomes(tmp_path / "s")
    assert finished == {0, 2, 3} and failed[1].error == "FloatingPointError: step 1: loss nan"
    assert set(tries(tmp_path / "s").values()) == {1} and "again in" not in said
    stacks = [
        read_json(path, Result).provenance["stack"] for path in tmp_path.glob("s/*/result.json")
    ]
    assert stacks == [3, 3, 3]


def test_a_run_that_takes_its_worker_down_twice_costs_its_group_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment({2: "leave"}).items():
        monkeypatch.setenv(key, value)
    runs = [with_launch(run, stack=3) for run in toy_runs(tmp_path, 3)]
    outcome, said = sweep(runs, slots=1, retries=0)
    assert outcome == Outcome(2, 0, 1)
    finished, failed = outcomes(tmp_path / "s")
    assert finished == {0, 1} and failed[2].error == "the worker exited with code 4"
    assert failed[2].attempts == 1
    assert said.count("and 2 more: the worker exited with code 4; again in 1 s, together") == 1
    assert said.count("and 2 more: the worker exited with code 4; again in 1 s, each alone") == 1


def test_a_group_that_memory_does_not_suffice_for_is_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment(dict.fromkeys(range(4), "wide")).items():
        monkeypatch.setenv(key, value)
    runs = [with_launch(run, stack=4) for run in toy_runs(tmp_path, 4)]
    outcome, said = sweep(runs, slots=1, retries=0)
    assert outcome == Outcome(4, 0, 0)
    assert said.count("and 3 more: OutOfMemoryError: too many at once; again in halves") == 1
    assert said.count("again in halves") == 1
    results = [read_json(path, Result) for path in tmp_path.glob(f"s/*/{RESULT}")]
    assert {result.provenance["stack"] for result in results} == {2}


@pytest.mark.slow
def test_a_hanging_group_is_ended_and_its_sound_runs_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment({0: "hang", 1: "raise", 2: "exit"}).items():
        monkeypatch.setenv(key, value)
    runs = [with_launch(run, stack=6) for run in toy_runs(tmp_path, 6)]
    outcome, _ = sweep(runs, slots=1, retries=0, timeout=4.0)
    assert outcome == Outcome(3, 0, 3)
    finished, failed = outcomes(tmp_path / "s")
    assert finished == {3, 4, 5}
    assert failed[0].error.startswith("no progress for 4 s")
    assert failed[1].error == "RuntimeError: injected" and failed[2].error == "SystemExit: 3"
