"""What lies around runs: mirrors, cards, what the machine offers; no tracker is needed here."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.__main__ import main
from harness.config import extras
from harness.mirrors import MIRRORS, Mirror
from harness.mirrors.reading import Trace, read_trace
from harness.records import EVALS, RESULT, STEPS, StepRecord
from harness.records.storage import append
from harness.run.card import card
from tests import fakes
from tests.tiny import run_of
from tests.tiny_sweep import ROOT

SHOWN: list[Trace] = []


def keep(trace: Trace, folder: Path) -> None:
    """A tracker that remembers, and fails where it is told to."""
    if (folder / "broken").exists():
        raise RuntimeError("down for\nrepairs")
    SHOWN.append(trace)


MIRRORS.add("kept", Mirror(keep, "slurm"))  # an extra that those who test have


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    SHOWN.clear()
    return fakes.write_sweep(tmp_path / "s", masks=("full",), sizes=(100,), seeds=(0, 1), prompts=2)


def grow(folder: Path, *steps: int) -> None:
    with (folder / STEPS).open("a", encoding="utf-8") as file:
        for step in steps:
            append(
                file,
                StepRecord(
                    step=step, epoch=step / 2, loss=1 / step, lr=0.1, grad_norm=1.0,
                    prompt_scale=1.0, tokens=9, weighted_tokens=5, weight=5.0, prompt_share=0.0,
                    seconds=0.1,
                ),
            )  # fmt: skip


def test_a_mirror_shows_what_is_new_and_a_run_once(sweep: Path) -> None:
    _, second = sorted(sweep.glob("full-*"))
    result = (second / RESULT).read_bytes()
    (second / RESULT).unlink()
    (second / EVALS).unlink()
    grow(second, 1, 2)
    assert main(["mirror", str(sweep), "to=kept"]) == 0
    finished, growing = SHOWN
    assert finished.summary["nll.test.answer"] > 0 and finished.config["mask.name"] == "full"
    assert [step for step, _ in finished.rows] == [0, 2, 4, 6]
    assert growing.rows == [
        (1, growing.rows[0][1]), (2, growing.rows[1][1])
    ] and growing.rows[1][1]["train/loss"] == 0.5  # fmt: skip
    assert growing.summary == {} and not growing.begun
    grow(second, 3)
    with (second / STEPS).open("a") as file:
        file.write('{"step": 4, "ep')  # as it is being written
    assert main(["mirror", str(sweep), "to=kept"]) == 0
    assert len(SHOWN) == 3 and SHOWN[2].begun and [step for step, _ in SHOWN[2].rows] == [3]
    (second / STEPS).write_text("")
    (second / RESULT).write_bytes(result)
    assert main(["mirror", str(sweep), "to=kept"]) == 0
    assert main(["mirror", str(sweep), "to=kept"]) == 0
    assert len(SHOWN) == 4 and SHOWN[3].rows == [] and SHOWN[3].summary and SHOWN[3].begun


def test_a_tracker_that_fails_is_a_line_and_is_shown_all_later(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in sweep.glob("*/*")}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broken").touch()
    assert main(["mirror", str(sweep), "to=kept", f"out={tmp_path / 'out'}"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and not SHOWN
    assert lines[0].endswith("full-nano-100-joint-0: RuntimeError: down for repairs")
    assert {path: path.read_bytes() for path in sweep.glob("[!.]*/*")} == before
    (tmp_path / "out" / "broken").unlink()
    assert main(["mirror", str(sweep), "to=kept", f"out={tmp_path / 'out'}"]) == 0
    assert len(SHOWN) == 2


def test_a_runs_id_is_its_hash(tmp_path: Path) -> None:
    fakes.write_sweep(tmp_path / "s", masks=("full",), sizes=(100,), prompts=1)
    (folder,) = (tmp_path / "s").iterdir()
    named = folder.rename(folder.with_name("full-nano-builtin-n100-s0-0123abcd"))
    trace = read_trace(named)
    assert (trace.id, trace.sweep) == ("0123abcd", "s")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["mirror", "nowhere", "to=kept"], "nowhere: no run, expected the folder of a sweep"),
        (["mirror", "SWEEP", "to=wandbb"], "to='wandbb': expected one of wandb, mlflow"),
        (["mirror", "SWEEP", "to=kept", "every=x"], "every=x: expected a number of seconds"),
        (["benchmark", "SWEEP", "tasks=a"], "SWEEP: no run kept its weights, expected runs with"),
        (["benchmark", "SWEEP"], "tasks: missing, expected tasks=NAME,…"),
    ],
)
def test_a_fault_is_one_line(
    sweep: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(sweep.parent)
    sweep.rename("SWEEP")
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith(f"harness {arguments[0]}: {line}")


def test_extras_are_those_of_the_project_and_a_missing_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras.EXTRAS) == set(project["optional-dependencies"]) - {"dev", "peers", "site"}
    monkeypatch.setitem(extras.EXTRAS, "judge", extras.Extra(("no_such_module",), "x"))
    assert extras.lacking("judge") == (
        "no_such_module is missing, expected pip install 'prompt-mask-harness[judge]'"
    )
    assert extras.lacking("pretrain") == ""


def test_the_doctor_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    rows = dict(
        line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if "  " in line
    )
    assert {"system", "python", "torch", "cores", "cache", "extra judge"} <= set(rows)
    assert any(name.startswith(("GPU", "cuda:0")) for name in rows)
    assert "supported" in rows["system"] and rows["extra pretrain"].strip().startswith("installed")


def test_a_model_card_has_mask_data_licence_and_figures(tmp_path: Path) -> None:
    fakes.write_sweep(tmp_path / "s", masks=("none",), sizes=(100,), prompts=2)
    from harness.records import Result
    from harness.records.storage import read_json

    (path,) = (tmp_path / "s").glob(f"*/{RESULT}")
    result = read_json(path, Result)
    text = card(run_of("mask=none", "model=nano", "data.size=100"), result)
    _, head, body = text.split("---\n", 2)
    about = yaml.safe_load(head)
    assert about["license"] == "mit" and about["tags"] == ["prompt-mask-harness", "mask:none"]
    assert "| mask | none (weights: " in body and "| data | builtin, 100 examples" in body
    assert f"| held-out response NLL | {result.nll['test']['answer']:.4f} nats/token |" in body
    named = card(run_of("data=lima", "model=nano"), result)
    assert "| licence of the data | " in named and "license: other" in named
