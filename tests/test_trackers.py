"""The real trackers, each asked what it was told: Weights & Biases offline, MLflow on SQLite,
TensorBoard, Trackio; and lm-eval on kept weights.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.load import load
from harness.__main__ import main
from harness.records import RESULT, Result
from harness.records.storage import read_json
from harness.run.execute import execute
from harness.run.warm import Warm
from tests import fakes
from tests.test_run import tiny_cell

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    made = fakes.write_sweep(tmp_path / "s", masks=("full",), sizes=(100,), prompts=2)
    (folder,) = made.iterdir()
    folder.rename(folder.with_name("full-nano-builtin-n100-s0-0123abcd"))
    return made


def answer(sweep: Path) -> float:
    (path,) = sweep.glob(f"full-*/{RESULT}")
    return read_json(path, Result).nll["test"]["answer"]


def test_wandb_offline_has_group_id_and_figures(sweep: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra wandb")
    named = sweep.rename(sweep.with_name("the-sweep"))
    assert main(["mirror", str(named), "to=wandb"]) == 0
    (path,) = named.glob(".mirror/wandb/wandb/offline-run-*/run-0123abcd.wandb")
    told = path.read_bytes()  # records of protobuf, their texts as they are
    for text in ("the-sweep", "0123abcd", "mask.name", "nll/test/response", "nll.test.answer"):
        assert text.encode() in told
    assert repr(answer(named))[:12].encode() in told


def test_mlflow_has_experiment_parameters_and_figures_and_goes_on(sweep: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the extra mlflow")
    pytest.importorskip("sqlalchemy", reason="needs the extra mlflow")
    from mlflow.tracking import MlflowClient

    assert main(["mirror", str(sweep), "to=mlflow"]) == 0
    (sweep / ".mirror" / "mlflow.json").unlink()  # as if nothing had been shown
    assert main(["mirror", str(sweep), "to=mlflow"]) == 0
    client = MlflowClient(f"sqlite:///{sweep}/.mirror/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("s")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["identity"] == "0123abcd" and run.data.params["mask.name"] == "full"
    assert run.data.metrics["nll.test.answer"] == pytest.approx(answer(sweep))
    assert run.info.status == "FINISHED"


def test_tensorboard_has_scalars_by_step(sweep: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["mirror", str(sweep), "to=tensorboard"]) == 0
    (folder,) = (sweep / ".mirror" / "tensorboard").iterdir()
    found = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in found.Scalars("nll/test/response")] == [0, 2, 4, 6]
    (last,) = found.Scalars("result/nll.test.answer")
    assert last.value == pytest.approx(answer(sweep), rel=1e-6)


def test_trackio_has_the_run(sweep: Path) -> None:
    """In a process of its own: where it writes is read as it is imported."""
    pytest.importorskip("trackio", reason="needs the extra trackio")
    command = [sys.executable, "-m", "harness", "mirror", str(sweep), "to=trackio"]
    environment = {key: value for key, value in os.environ.items() if key != "TRACKIO_DIR"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = sweep.glob(".mirror/trackio/*.db")
    with sqlite3.connect(path) as database:
        rows = database.execute("select run_name, step, metrics from metrics").fetchall()
    assert {name for name, _, _ in rows} == {"full-nano-builtin-n100-s0-0123abcd"}
    assert any("result/nll.test.answer" in str(metrics) for _, _, metrics in rows)


TASK = """
task: tiny_capitals
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_choice: choices
doc_to_target: label
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""


def test_lm_eval_measures_kept_weights_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    cell = tiny_cell(tmp_path, "train.epochs=1", "score.responses=0", "save_weights=true")
    before = execute(cell, lambda *_: None, Warm())
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    lines = [
        {"question": f"Is {n} a number?", "choices": ["yes", "no"], "label": n % 2}
        for n in range(6)
    ]
    data = tasks / "tiny.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tasks / "tiny.yaml").write_text(TASK.format(data=data))
    asked = ["benchmark", str(cell.folder), "tasks=tiny_capitals", f"include={tasks}"]
    assert main(asked) == 0, capsys.readouterr().err
    result = read_json(cell.folder / RESULT, Result)
    assert result.scores["tiny_capitals_acc"] in {n / 6 for n in range(7)}
    assert result.scored["tiny_capitals_acc"] == 6 and result.nll == before.nll
    assert "scores.tiny_capitals_acc" in load(cell.folder)
    assert main([*asked[:2], "tasks=no_such", f"include={tasks}"]) == 2
    assert "tasks=no_such: lm-eval knows no such task" in capsys.readouterr().err
