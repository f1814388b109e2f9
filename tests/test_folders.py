"""Runs' folders: found by their hash, named by what is swept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.config.schema import Run
from harness.engine.cells import cells_of
from harness.engine.launchers import Outcome
from harness.engine.names import short, swept_keys, untold
from harness.engine.plan import read_plan
from harness.records import RESULT
from tests.tiny import run_of
from tests.tiny_sweep import inline, toy_runs


def with_rates(run: Run, *rates: float) -> list[Run]:
    return [replace(run, train=replace(run.train, lr=rate)) for rate in rates]


def test_swept_keys_stand_in_folders_and_progress_lines(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    _, said = inline(with_rates(run, 0.001, 0.002))
    names = sorted(path.parent.name for path in tmp_path.glob(f"s/*/{RESULT}"))
    assert [name.rsplit("-", 1)[0] for name in names] == [
        "full-nano-records-n6-s0-lr0.001",
        "full-nano-records-n6-s0-lr0.002",
    ]
    assert all(f"finished {name}: held-out response NLL" in said for name in names)


def test_a_run_is_found_by_its_hash_whatever_its_launch_swept(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    alone, three = with_rates(run, 0.001), with_rates(run, 0.001, 0.002, 0.003)
    first = [cell.folder.name for cell in cells_of(alone)]
    assert inline(alone)[0] == Outcome(1, 0, 0) and first[0].startswith("full-nano-records-n6-s0-")
    outcome, said = inline(three)
    assert outcome == Outcome(2, 1, 0)  # (finished, skipped, failed)
    assert "s0-lr0.002-" in said and "s0-lr0.001-" not in said
    assert [cell.folder.name for cell in cells_of(alone)] == first
    # And the other way round: one of a sweep's runs asked for by itself.
    last = cells_of(with_rates(run, 0.003))[0]
    assert "-lr0.003-" in last.folder.name and (last.folder / RESULT).is_file()
    assert inline(with_rates(run, 0.003))[0] == Outcome(0, 1, 0)
    plan = read_plan(tmp_path / "s")
    assert plan and {planned.run for planned in plan.runs} == {
        path.parent.name for path in tmp_path.glob(f"s/*/{RESULT}")
    }


def test_swept_keys_in_names_are_short_and_safe() -> None:
    assert short({}) == ""
    assert short({"train.lr": "0.002", "mask.prompt_weight": "0.1"}) == "-lr0.002-prompt_weight0.1"
    assert short({"data.seed": "3", "train.batch_tokens": "9", "score.batch_tokens": "8"}) == (
        "-data.seed3-train.batch_tokens9-score.batch_tokens8"  # `-seed3` would read as the run's
    )
    assert short({"mask.weight": "{'end': 1.0}", "model.path": "/home/me/a b"}) == (
        "-weightend_1.0-patha_b"
    )
    long = short({"score.also": "x" * 300, "train.lr": "0.1"})
    assert long == "-lr0.1"
    swept = {"train.lr": "0.1", "mask.weight": "{'end': 1.0}"}
    assert untold(swept, "full-n6-s0-lr0.1-weightend_1.0-0123abcd") == "mask.weight={'end': 1.0}"
    assert untold(swept, "full-n6-s0-lr0.10-0123abcd").startswith("train.lr=0.1, ")


def test_what_a_masks_file_sets_is_no_swept_key() -> None:
    runs = [run_of("mask=none"), run_of("mask=full"), run_of("mask=full", "seed=3")]
    assert swept_keys(runs) == [{}, {}, {}]
    (light, none, heavy) = swept_keys(
        [
            run_of("mask=full", "mask.weight.instruction=0.1"),
            run_of("mask=none"),
            run_of("mask=full", "mask.weight.instruction=0.2"),
        ]
    )
    assert "'instruction': 0.1" in light["mask.weight"]
    assert "'instruction': 0.2" in heavy["mask.weight"]
    assert none == {}  # swept in another mask alone
