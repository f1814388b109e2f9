"""Pairs differ in the mask alone; the fairness gate refuses the others and says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.load import read
from analysis.pairs import missing, pair
from harness import records
from tests import fakes


def write(
    folder: Path,
    mask: str,
    seed: int = 0,
    size: int = 100,
    change: dict[str, object] | None = None,
    **result: Any,
) -> None:
    """A run with one thing of its config or result changed."""
    settings = fakes.config(folder.name, mask, "nano", size, seed)
    for key, value in (change or {}).items():
        group, _, name = key.rpartition(".")
        (settings[group] if group else settings)[name] = value
    run = folder / f"{mask}-{size}-{seed}-{len(list(folder.glob('*')))}"
    fakes.write_run(run, settings, fakes.fades, prompts=4)
    path = run / records.RESULT
    content = json.loads(path.read_text())
    content["provenance"].update(result.pop("provenance", {}))
    content["fairness"].update(result)
    content["identity"] += run.name
    path.write_text(json.dumps(content))


def test_pairs_are_runs_that_differ_in_the_mask_alone(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", sizes=(100, 300), seeds=(0, 1), prompts=4)
    runs = read([folder]).runs
    pairs, problems = pair(runs)
    assert len(pairs) == 8 and not problems
    for row in pairs.to_dict("records"):
        arm, base = runs.loc[row["run"]], runs.loc[row["baseline_run"]]
        assert (arm["seed"], arm["n_examples"]) == (base["seed"], base["n_examples"])
        assert base["mask"] == "full" != arm["mask"]


def test_a_positive_difference_means_that_the_arm_is_better_for_losses_and_scores(
    tmp_path: Path,
) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", masks=("full", "none"), sizes=(100,), prompts=4)
    runs = read([folder]).runs
    (row,) = pair(runs).pairs.to_dict("records")
    nll, score = "nll.test.answer", "scores.exact_match"
    losses, scores = (dict(zip(runs["mask"], runs[name], strict=True)) for name in (nll, score))
    assert row[f"delta.{nll}"] == losses["full"] - losses["none"] > 0
    assert row[f"delta.{score}"] == scores["none"] - scores["full"]


@pytest.mark.parametrize("name", ["examples", "batches", "test", "weights"])
def test_runs_that_disagree_in_a_hash_are_refused_with_the_reason(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full")
    other: dict[str, Any] = {name: "deadbeef00"}
    write(folder, "none", **other)
    write(folder, "template")
    pairs, problems = pair(read([folder]).runs)
    assert pairs["arm"].tolist() == ["template"]
    (refused,) = problems
    assert refused.kind == "unfair" and refused.run.startswith("none")
    assert f"{name} differ from full-100-0-0's (deadbeef against " in refused.message


def test_runs_of_unequal_steps_are_refused(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", masks=("full", "none"), sizes=(100,), prompts=4)
    path = folder / "none-nano-100-joint-0" / records.RESULT
    path.write_text(json.dumps(json.loads(path.read_text()) | {"steps": 5}))
    pairs, (refused,) = pair(read([folder]).runs)
    assert pairs.empty and refused.kind == "unfair"
    assert refused.message == "steps differ from full-nano-100-joint-0's (5 against 6)"


def test_runs_of_another_seed_are_no_pair(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", seed=0)
    write(folder, "none", seed=1)
    pairs, problems = pair(read([folder]).runs)
    assert pairs.empty and [found.kind for found in problems] == ["unpaired"]


@pytest.mark.parametrize(
    "change", [{"train.epochs": 4}, {"train.normalize": "response"}, {"data.template": "plain"}]
)
def test_runs_that_differ_in_more_than_the_mask_are_no_pair(
    tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full")
    write(folder, "none", change=change)
    pairs, problems = pair(read([folder]).runs)
    assert pairs.empty
    assert [found.kind for found in problems] == ["unpaired"]


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 8},
        {"device": "cuda"},
        {"runs": "elsewhere"},
        {"claim": "small_data"},
        {"checkpoint_seconds": 0},
        {"launch": {"threads": 8, "claim": "small_data"}},
    ],
)
def test_what_cannot_change_a_result_does_not_part_a_pair(
    tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full")
    write(folder, "none", change=change)
    assert len(pair(read([folder]).runs).pairs) == 1


def test_a_run_without_a_partner_says_in_which_key_the_nearest_differs(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", change={"train.epochs": 12, "train.normalize": "response"})
    write(folder, "full", change={"train.epochs": 3})
    write(folder, "none", change={"train.epochs": 4})
    write(folder, "template", seed=1, size=300, change={"train.epochs": 3})
    messages = {found.run.split("-")[0]: found.message for found in pair(read([folder]).runs)[1]}
    assert messages == {
        "none": "no run of 'full' is like it: train.epochs is 4 against 3",
        "template": "no run of 'full' is like it: training examples is 300 against 100, "
        "seed is 1 against 0",
    }


def test_runs_of_unequal_threads_are_refused_on_a_cpu(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", provenance={"threads": 1})
    write(folder, "none", provenance={"threads": 2})
    write(folder, "template", provenance={"threads": 1})
    pairs, (refused,) = pair(read([folder]).runs)
    assert pairs["arm"].tolist() == ["template"]
    assert refused.message == "threads differ from full-100-0-0's (2 against 1)"


def test_runs_of_unequal_numbers_of_gpus_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", provenance={"device": "cuda", "gpus": 1})
    write(folder, "none", provenance={"device": "cuda", "gpus": 2})
    write(folder, "template", provenance={"device": "cuda"})  # from before it was told
    pairs, (refused,) = pair(read([folder]).runs)
    assert pairs["arm"].tolist() == ["template"]
    assert refused.message == "gpus differ from full-100-0-0's (2 against 1)"


def test_threads_say_nothing_where_a_gpu_does_the_sums(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", provenance={"threads": 1, "device": "cuda"})
    write(folder, "none", provenance={"threads": 2, "device": "cuda"})
    assert len(pair(read([folder]).runs).pairs) == 1


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"test": "feed", "provenance": {"data": "feedfeedfeed"}}, "data contents feedfeed"),
        ({"weights": "feed", "provenance": {"weights": "feedfeedfeed"}}, "weights contents feed"),
        ({"test": "feed", "provenance": {"data": None}}, "data contents feed"),
    ],
)
def test_runs_on_other_contents_are_other_conditions_named_as_such(
    tmp_path: Path, changed: dict[str, Any], name: str
) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    for seed in (0, 1):
        for mask in ("full", "none"):
            write(folder, mask, seed)
            write(folder, mask, seed, **changed)
    runs = read([folder]).runs
    pairs, problems = pair(runs)
    assert problems == [] and len(pairs) == 4
    assert len(set(runs["condition"])) == 2
    assert any(condition.startswith(name) for condition in set(runs["condition"]))


def test_runs_whose_training_examples_changed_pair_with_their_like(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    for mask in ("full", "none"):
        write(folder, mask)
        write(folder, mask, examples="feed", batches="feed")
    pairs, problems = pair(read([folder]).runs)
    assert problems == [] and len(pairs) == 2


def test_weights_that_are_drawn_with_the_seed_make_no_condition(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    for seed in (0, 1):
        for mask in ("full", "none"):
            change: dict[str, object] = {"model.weights": "random", "data.seed": seed}
            held_out: dict[str, Any] = {
                "test": f"{seed}",
                "provenance": {"data": None, "weights": None},
            }
            write(folder, mask, seed, change=change, weights=f"drawn{seed}", **held_out)
    runs = read([folder]).runs
    assert set(runs["condition"]) == {""}
    assert len(pair(runs).pairs) == 2


def test_a_key_may_vary_between_arms_only_where_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    write(folder, "full", change={"train.lr": 1e-3})
    write(folder, "none", change={"train.lr": 3e-3})
    runs = read([folder]).runs
    assert pair(runs).pairs.empty
    assert len(pair(runs, vary=["train.lr"]).pairs) == 1


def test_two_runs_for_one_place_are_refused_and_not_chosen_from(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    for mask in ("full", "none", "none", "template"):
        write(folder, mask)
    pairs, problems = pair(read([folder]).runs)
    assert pairs["arm"].tolist() == ["template"]
    assert [(found.kind, found.message) for found in problems] == [
        ("ambiguous", "2 runs of 'none'")
    ] * 2


def test_two_runs_of_the_baseline_leave_nothing_unlisted(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    for mask in ("full", "full", "none"):
        write(folder, mask)
    pairs, problems = pair(read([folder]).runs)
    assert pairs.empty
    assert {found.kind for found in problems} == {"ambiguous"}
    assert any(found.run.startswith("none") for found in problems)


def test_pairs_may_span_sweeps(tmp_path: Path) -> None:
    first = fakes.write_sweep(tmp_path / "first", masks=("full",), sizes=(100,), prompts=4)
    second = fakes.write_sweep(tmp_path / "second", masks=("none",), sizes=(100,), prompts=4)
    assert len(pair(read([first, second]).runs).pairs) == 1


def test_missing_cells_are_the_holes_of_the_grid(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", sizes=(100, 300), seeds=(0, 1), prompts=4)
    (folder / "none-nano-300-joint-1" / records.RESULT).unlink()
    holes = missing(read([folder]).runs)
    assert holes.to_dict("records") == [
        {"condition": "", "n_examples": 300, "arm": "none", "seed": 1}
    ]
