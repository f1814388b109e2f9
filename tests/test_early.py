"""Workers that start while their runs are still being checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.launchers import Pool
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data import examples
from harness.data.errors import DataError
from harness.data.held_out import HeldOuts
from harness.engine import cells, early
from harness.engine.early import Spawned
from tests.tiny_sweep import sweep, toy_runs


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[Spawned]:
    """Every worker's process, in the order in which they start."""
    started: list[Spawned] = []
    spawn = early._spawn

    def noted(gpu: str | None) -> Spawned:
        started.append(spawn(gpu))
        return started[-1]

    monkeypatch.setattr(early, "_spawn", noted)
    return started


@pytest.mark.process
def test_workers_that_start_early_carry_the_runs_out(
    tmp_path: Path, spawned: list[Spawned], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[int] = []
    examine = examples.prepare_examples

    def noted(run: Run, known: HeldOuts) -> examples.Examples:
        there.append(len(spawned))
        return examine(run, known)

    monkeypatch.setattr(cells, "prepare_examples", noted)
    runs = toy_runs(tmp_path, 2)
    outcome, _ = sweep(runs, slots=2)
    assert outcome.finished == 2
    assert there[0] == 2 and len(spawned) == 2  # before the first run was checked, and no more
    assert not any(each.process.is_alive() for each in spawned)
    outcome, _ = sweep(runs, slots=2)  # nothing is left to do
    assert outcome.skipped == 2 and len(spawned) == 2


def test_faulty_data_leave_no_worker_behind(
    tmp_path: Path, spawned: list[Spawned], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("no such data")

    monkeypatch.setattr(cells, "prepare_examples", refuse)
    with pytest.raises(ConfigError, match="no such data"):
        sweep(toy_runs(tmp_path, 1), slots=4)
    assert len(spawned) == 1 and not spawned[0].process.is_alive()


def test_a_worker_is_taken_by_its_gpu_and_a_dead_one_replaced(
    tmp_path: Path, spawned: list[Spawned]
) -> None:
    with early.early(toy_runs(tmp_path, 3), Pool(slots=2)):
        early.place(["0", "1"])
        assert early.take("1") is spawned[1]
        spawned[0].process.kill()
        spawned[0].process.join()
        assert early.take("0") is spawned[2]
        assert [each.gpu for each in spawned] == ["0", "1", "0"]
        for each in spawned[1:]:
            each.end()
