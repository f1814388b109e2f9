"""The real trackers beside a sweep that goes on (`mirror=`), and one that fails in its middle."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.records import RESULT, STEPS
from tests.tiny_sweep import environment, figures, overrides

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SEEDS = 4
STEPS_OF_A_RUN = 150
"""Together about 20 seconds of one worker: two looks of a mirror and a half."""

BLOCK = 32 * 1024
"""Bytes of a block of LevelDB's log."""


def launch(folder: Path, *more: str) -> subprocess.Popen[str]:
    arguments = [
        *overrides(folder), f"seed=range({SEEDS})", f"train.epochs={STEPS_OF_A_RUN}",
        "hydra.launcher.slots=1", *more,
    ]  # fmt: skip
    known = {key: value for key, value in os.environ.items() if key != "TRACKIO_DIR"}
    own = environment({})
    own["PYTHONPATH"] = os.pathsep.join([str(folder), own["PYTHONPATH"]])
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "-m", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={**known, **own},
    )  # fmt: skip


def shown(folder: Path, name: str) -> dict[str, Any]:
    """What a mirror says that it has shown: run -> last step, and whether its result was."""
    path = folder / "s" / ".mirror" / f"{name}.json"
    return dict(json.loads(path.read_text())["runs"]) if path.exists() else {}


def runs_of(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"s/*/{RESULT}"))


def mirrored(folder: Path, name: str) -> Path:
    """Launch beside a tracker, which is shown runs while others have not begun; its folder."""
    pytest.importorskip(name, reason=f"needs the extra {name}")
    process = launch(folder, f"mirror={name}")
    early: dict[str, Any] = {}
    while process.poll() is None and not early:
        early = shown(folder, name)
        time.sleep(0.1)
    assert process.poll() is None and len(early) < SEEDS
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and "mirror=" not in said, said
    assert len(runs_of(folder)) == SEEDS
    whole = {run.name: [STEPS_OF_A_RUN, True] for run in runs_of(folder)}
    assert shown(folder, name) == whole
    return folder / "s" / ".mirror" / name


EVERY_STEP = list(range(1, STEPS_OF_A_RUN + 1))


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / STEPS).read_text().splitlines()]


def answer(run: Path) -> float:
    return float(json.loads((run / RESULT).read_text())["nll"]["test"]["answer"])


def test_tensorboard_has_every_step_once(tmp_path: Path) -> None:
    kept = mirrored(tmp_path, "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for run in runs_of(tmp_path):
        found = EventAccumulator(str(kept / run.name), size_guidance={"scalars": 0}).Reload()
        events = found.Scalars("train/loss")
        assert [event.step for event in events] == EVERY_STEP
        assert [event.value for event in events] == pytest.approx(losses(run), rel=1e-6)
        (last,) = found.Scalars("result/nll.test.answer")
        assert last.value == pytest.approx(answer(run), rel=1e-6)


def test_mlflow_has_every_step_once(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra mlflow")
    kept = mirrored(tmp_path, "mlflow")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{kept}/mlflow.db")
    experiment = client.get_experiment_by_name("s")
    told = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(told) == {run.name for run in runs_of(tmp_path)}
    for run in runs_of(tmp_path):
        own = told[run.name]
        steps = client.get_metric_history(own.info.run_id, "train/loss")
        assert [metric.step for metric in steps] == EVERY_STEP
        assert [metric.value for metric in steps] == pytest.approx(losses(run))
        assert own.data.metrics["nll.test.answer"] == pytest.approx(answer(run))
        assert own.info.status == "FINISHED"


def test_trackio_has_every_step_once(tmp_path: Path) -> None:
    kept = mirrored(tmp_path, "trackio")
    (path,) = kept.glob("*.db")
    with sqlite3.connect(path) as database:
        rows = database.execute("select run_name, step, metrics from metrics").fetchall()
    for run in runs_of(tmp_path):
        own = [(step, json.loads(told)) for name, step, told in rows if name == run.name]
        steps = [(step, told["train/loss"]) for step, told in own if "train/loss" in told]
        assert sorted(steps) == list(zip(EVERY_STEP, losses(run), strict=True))
        ends = [told["result/nll.test.answer"] for _, told in own if len(told) < 200
                and "result/nll.test.answer" in told]  # fmt: skip
        assert ends == [pytest.approx(answer(run))]


def logged(path: Path) -> Iterator[bytes]:
    """The records of a W&B file: LevelDB's log format behind a header of seven bytes."""
    data, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = BLOCK - place % BLOCK
        if left < 7:  # too short for a header: padding
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def test_wandb_offline_has_every_step_once(tmp_path: Path) -> None:
    kept = mirrored(tmp_path, "wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    steps: dict[str, Counter[int]] = {}
    for path in kept.glob("wandb/offline-run-*/run-*.wandb"):
        for record in map(Record.FromString, logged(path)):
            if record.WhichOneof("record_type") == "run":
                assert record.run.run_group == "s"
            told = {item.key or "/".join(item.nested_key) for item in record.history.item}
            if "train/loss" in told:
                own = steps.setdefault(path.stem.removeprefix("run-"), Counter())
                own[record.history.step.num] += 1
    assert steps == {run.name[-8:]: Counter(EVERY_STEP) for run in runs_of(tmp_path)}


FAULTY = """
from harness.mirrors import MIRRORS, Mirror, tensorboard

looks = []

def now_and_then(trace, folder):
    looks.append(trace.run)
    if {when}:
        raise RuntimeError("the tracker went away")
    tensorboard.show(trace, folder)

MIRRORS.add("faulty", Mirror(now_and_then, "tensorboard"))
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runs of the same launch without a mirror."""
    folder = tmp_path_factory.mktemp("alone")
    assert launch(folder).wait(300) == 0
    return runs_of(folder)


@pytest.mark.parametrize("when", ["len(looks) == 2", "len(looks) >= 2"])
def test_a_tracker_that_raises_in_the_middle_hurts_no_run(
    tmp_path: Path, when: str, undisturbed: list[Path]
) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    (tmp_path / "faulty.py").write_text(FAULTY.format(when=when))
    process = launch(tmp_path, "plugins=[faulty]", "mirror=faulty")
    said, _ = process.communicate(timeout=300)
    assert len(runs_of(tmp_path)) == SEEDS
    for run in undisturbed:
        assert figures(tmp_path / "s" / run.name) == figures(run)
    if when == "len(looks) == 2":  # and is back
        assert process.returncode == 0 and "mirror=" not in said
        assert set(map(tuple, shown(tmp_path, "faulty").values())) == {(STEPS_OF_A_RUN, True)}
    else:
        assert process.returncode == 1
        assert "RuntimeError: the tracker went away; harness mirror" in said
        assert len(shown(tmp_path, "faulty")) == 1
