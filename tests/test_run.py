"""One run from config to records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from harness import records
from harness.data import files
from harness.data.errors import DataError
from harness.data.examples import prepare_examples, weighted_rows
from harness.engine.cells import cells_of
from harness.models.gpt import Layout
from harness.records import EvalRecord, ResponseRecord, Result, StepRecord
from harness.records.roles import PROMPT_ROLES, ROLES
from harness.records.storage import read_json, read_jsonl
from harness.run.execute import execute
from harness.run.identity import Cell
from harness.run.warm import Warm
from tests.tiny import MASKS, run_of, unasked, write_records


def tiny_cell(folder: Path, *overrides: str, mask: str = "partial") -> Cell:
    """A cell that trains a toy model for two epochs on 12 records."""
    data = folder / "records.jsonl"
    if not data.exists():
        write_records(data, 40)
    settings = (
        f"mask={mask}", "model=nano", "model.layers=1", "model.width=32", "model.heads=2",
        "model.weights=random", "data=file", f"data.path={data}", "data.size=12",
        "data.validation=4", "data.test=10", "data.template=headers", "train.epochs=2",
        "train.batch_tokens=128", "train.lr=1e-3", "score.responses=4", "score.response_tokens=5",
        "sweep=tiny", f"runs={folder / 'runs'}", *overrides,
    )  # fmt: skip
    return cells_of([run_of(*settings)])[0]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cell, Result]:
    cell = tiny_cell(tmp_path_factory.mktemp("run"))
    return cell, execute(cell, lambda phase, share: None, Warm())


def test_the_folder_holds_every_record_and_the_result_reads_back(done: tuple[Cell, Result]) -> None:
    cell, result = done
    assert {path.name for path in cell.folder.iterdir()} == {
        records.CONFIG, records.AUDIT, records.STEPS, records.EVALS, records.RESPONSES,
        records.RESULT,
    }  # fmt: skip
    assert read_json(cell.folder / records.RESULT, Result) == result
    assert len(list(read_jsonl(cell.folder / records.STEPS, StepRecord))) == result.steps > 4
    assert len(list(read_jsonl(cell.folder / records.RESPONSES, ResponseRecord))) == 4
    splits = [(e.split, e.step) for e in read_jsonl(cell.folder / records.EVALS, EvalRecord)]
    middle = result.steps // 2
    assert splits == [
        (split, step)
        for step in (0, middle, result.steps)
        for split in ("test", "validation", "train")
    ]  # at start, after each epoch, at the end


def test_the_result_has_the_documented_keys(done: tuple[Cell, Result]) -> None:
    found = json.loads((done[0].folder / records.RESULT).read_text())
    assert {
        "status",
        "mask",
        "model",
        "data",
        "n_examples",
        "seed",
        "nll",
        "scores",
        "tokens",
        "seconds",
    } <= set(found)
    assert (
        found["status"] == "finished" and found["mask"] == "partial" and found["n_examples"] == 12
    )
    for split in ("base", "test", "validation", "train"):
        assert set(found["nll"][split]) == {
            "template",
            "instruction",
            "input",
            "response",
            "end",
            "answer",
            "by_example",
        }
    assert {"exact_match", "rouge_l", "chrf"} <= set(found["scores"])
    assert {"commit", "dirty", "versions"} <= set(found["provenance"])


def test_the_resolved_config_makes_the_same_run_again(done: tuple[Cell, Result]) -> None:
    from harness.config.schema import Run
    from harness.config.validate import parse

    stored = yaml.safe_load((done[0].folder / records.CONFIG).read_text())
    again = cells_of([parse(stored, Run)])[0]
    assert again.identity == done[0].identity


def test_trap_7_the_weight_mass_of_each_role_is_recorded(done: tuple[Cell, Result]) -> None:
    cell, result = done
    rows = weighted_rows(prepare_examples(cell.run).train, cell.run, unasked)
    sums = {
        role: float(sum(row.weights[row.roles == number].sum() for row in rows))
        for number, role in enumerate(ROLES)
    }
    total = sum(sums.values())
    assert result.weight_mass == pytest.approx(
        {role: mass / total for role, mass in sums.items() if mass}
    )
    assert result.weight_mass["instruction"] > 0.1 and "template" not in result.weight_mass


def test_trap_28_the_realised_share_of_weighted_tokens_is_recorded(
    done: tuple[Cell, Result],
) -> None:
    cell, result = done
    steps = list(read_jsonl(cell.folder / records.STEPS, StepRecord))
    rows = weighted_rows(prepare_examples(cell.run).train, cell.run, unasked)
    assert (
        sum(step.tokens for step in steps)
        == 2 * sum(len(row.targets) for row in rows)
        == result.tokens["train"]
    )
    assert sum(step.weighted_tokens for step in steps) == 2 * sum(
        int((row.weights > 0).sum()) for row in rows
    )
    assert 0 < result.prompt_share < 1 and all(0 < step.prompt_share < 1 for step in steps)


def test_trap_9_every_strategy_trains_and_is_evaluated(tmp_path: Path) -> None:
    """Whatever the mask, the same tokens are measured, and a prompt share is only where a prompt
    weight is.
    """
    counts, shares, warm = set(), {}, Warm()
    tiny = tiny_cell(tmp_path, "train.epochs=1", "score.responses=0").run
    for mask in MASKS:
        (cell,) = cells_of([replace(tiny, mask=MASKS[mask])])
        result = execute(cell, lambda phase, share: None, warm)
        ends = [
            e for e in read_jsonl(cell.folder / records.EVALS, EvalRecord) if e.step == result.steps
        ]
        counts.add(
            json.dumps(
                [{role: loss.tokens for role, loss in e.roles.items()} for e in ends],
                sort_keys=True,
            )
        )
        shares[mask] = result.prompt_share, cell.run.mask.weight
        assert all(np.isfinite(loss.nats) for e in ends for loss in e.roles.values())
    assert len(counts) == 1
    for mask, (share, weight) in shares.items():
        assert (share > 0) == any(weight[role] for role in PROMPT_ROLES), mask


def test_arms_differ_in_the_mask_alone(tmp_path: Path) -> None:
    first, second = (
        execute(tiny_cell(tmp_path, mask=mask), lambda p, s: None, Warm())
        for mask in ("full", "none")
    )
    assert first.fairness == second.fairness
    assert first.nll["base"] == second.nll["base"] and first.nll["test"] != second.nll["test"]
    assert first.steps == second.steps and first.tokens["train"] == second.tokens["train"]


def test_the_same_run_gives_the_same_figures(done: tuple[Cell, Result], tmp_path: Path) -> None:
    cell, result = done
    again = execute(cell._replace(folder=tmp_path / "again"), lambda phase, share: None, Warm())
    assert again.nll == result.nll and again.scores == result.scores
    assert (tmp_path / "again" / records.RESPONSES).read_bytes() == (
        cell.folder / records.RESPONSES
    ).read_bytes()


def test_what_cannot_be_scored_is_null_and_not_zero(done: tuple[Cell, Result]) -> None:
    """A .jsonl source has no checks, so no response is verified."""
    result = done[1]
    assert result.scores["verified"] is None and result.scored["verified"] == 0
    assert result.scored["exact_match"] == 4


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    cell = tiny_cell(tmp_path, "train.lr=1000", "train.clip=0")
    with pytest.raises(
        FloatingPointError, match=r"step \d+: loss .*; expected finite numbers \(train.lr reached"
    ):
        execute(cell, lambda phase, share: None, Warm())
    assert not (cell.folder / records.RESULT).exists()


def test_surprisal_is_the_bases_loss_of_each_token(tmp_path: Path) -> None:
    from harness.run.prepare import surprisal

    cell = tiny_cell(tmp_path, mask="surprisal")
    items = prepare_examples(cell.run).train
    found = surprisal(Warm().model(cell.run), cell.run, items)
    assert [len(nats) for nats in found] == [len(item.tokens.ids) for item in items]
    model = Warm().model(cell.run)
    ids = torch.from_numpy(items[3].tokens.ids).long()
    with torch.no_grad():
        logits = model(ids[:-1], Layout(1, len(ids) - 1)) @ model.head.T
    expected = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
    assert found[3][1:] == pytest.approx(expected.numpy(), abs=1e-4) and found[3][0] == 0
    assert execute(cell, lambda phase, share: None, Warm()).prompt_share > 0


def test_annealing_scales_the_prompts_share_step_by_step(tmp_path: Path) -> None:
    cell = tiny_cell(tmp_path, mask="annealed")
    execute(cell, lambda phase, share: None, Warm())
    steps = list(read_jsonl(cell.folder / records.STEPS, StepRecord))
    scales = [step.prompt_scale for step in steps]
    assert scales[0] == 1 and scales[-1] == 0 and scales == sorted(scales, reverse=True)
    assert steps[0].prompt_share > 0.5 and steps[-1].prompt_share == 0
    assert steps[-1].weighted_tokens < steps[0].weighted_tokens


def test_data_that_changed_after_planning_gives_no_result_under_the_old_name(
    tmp_path: Path,
) -> None:
    cell = tiny_cell(tmp_path)
    write_records(tmp_path / "records.jsonl", 41)
    for kept in (files._noted, files._load):
        kept.cache_clear()  # as in a worker that starts only now
    with pytest.raises(
        DataError,
        match=f"^{cell.folder.name}: its data or weights have changed since the sweep was",
    ):
        execute(cell, lambda phase, share: None, Warm())
    assert not (cell.folder / records.RESULT).exists()
    anew = tiny_cell(tmp_path)
    assert (
        anew.folder != cell.folder
        and execute(anew, lambda phase, share: None, Warm()).identity == anew.identity
    )
