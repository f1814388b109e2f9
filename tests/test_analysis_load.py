"""Run folders to the run table: every column, every fault, the cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import yaml

import analysis
from analysis import columns
from analysis.cache import CACHE
from analysis.load import LoadError, read
from harness import records
from harness.records import storage
from tests import fakes


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return fakes.write_sweep(tmp_path / "sweep", sizes=(100,), prompts=4)


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("frame") / "sweep"
    return analysis.load(fakes.write_sweep(folder, sizes=(100,), prompts=4))


def test_analysis_imports_no_torch() -> None:
    code = (
        "import sys, analysis, analysis.__main__\n"
        "print('torch' in sys.modules, 'harness.train.loop' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_run_is_a_row_with_its_values(sweep: Path) -> None:
    frame = analysis.load(sweep)
    assert len(frame) == 3 and frame.attrs["problems"] == []
    row = frame[frame["mask"] == "none"].iloc[0]
    result = json.loads((sweep / row["run"] / records.RESULT).read_text())
    assert row["sweep"] == "sweep"
    assert row["n_examples"] == 100
    assert row["nll.test.answer"] == result["nll"]["test"]["answer"]
    assert row["nll.base.response"] == result["nll"]["base"]["response"]
    assert row["scores.exact_match"] == result["scores"]["exact_match"]
    assert row["behaviour.ended"] == 0.9
    assert row["weight_mass.response"] == 0.5
    assert row["fairness.batches"] == result["fairness"]["batches"]
    assert row["seconds.train"] == 2.5
    assert row["provenance.versions.torch"] == "2.13.0"
    assert row["config.train.lr"] == "auto"
    assert row["config.model.layers"] == 4
    assert row["parameters"] == 12 * 4 * 128**2
    assert (
        row["length.prompt"] == 34 and row["length.answer"] == 9 and row["length.ratio"] == 34 / 9
    )


def test_what_could_not_be_scored_is_missing_and_not_zero(sweep: Path) -> None:
    assert analysis.load(sweep)["scores.checked"].isna().all()


def test_the_column_table_declares_every_column_and_every_field_of_a_result(sweep: Path) -> None:
    frame = analysis.load(sweep)
    kinds = {
        "str": pd.api.types.is_string_dtype,
        "int": pd.api.types.is_integer_dtype,
        "float": pd.api.types.is_float_dtype,
        "path": pd.api.types.is_object_dtype,
    }
    for name in frame.columns:
        column = columns.column_of(name)
        assert column.dtype == "any" or kinds[column.dtype](frame[name]), name
    paths = {column.path for column in columns.COLUMNS}
    assert {field.name for field in fields(records.Result)} - paths == {"schema", "status", "run"}
    with pytest.raises(KeyError):
        columns.column_of("undeclared")


NOT_OF_EVERY_RUN = {
    "bits_per_byte.*", "families.*", "scales.*", "calibration.*", "best.epoch", "best.overfitting",
}  # fmt: skip


@pytest.mark.parametrize(
    "column",
    [c for c in columns.COLUMNS if c.name not in NOT_OF_EVERY_RUN],
    ids=lambda c: c.name,
)
def test_each_declared_column_is_filled(frame: pd.DataFrame, column: columns.Column) -> None:
    stem = column.name.removesuffix("*")
    found = [
        name
        for name in frame.columns
        if name == stem or (stem != column.name and name.startswith(stem))
    ]
    assert found
    assert column.name == "condition" or any(
        frame[name].notna().all() and (frame[name] != "").any() for name in found
    )


def spoil(kind: str, sweep: Path) -> None:  # noqa: C901  # a list of faults
    run = sweep / "none-nano-100-joint-0"
    result, config = run / records.RESULT, run / records.CONFIG
    if kind == "truncated result":
        result.write_text(result.read_text()[:300])
    elif kind == "result of another program":
        result.write_text('{"accuracy": 0.9}')
    elif kind == "empty result":
        result.write_text("")
    elif kind == "binary result":
        result.write_bytes(bytes(range(256)))
    elif kind == "schema of the future":
        result.write_text(json.dumps(json.loads(result.read_text()) | {"schema": 99}))
    elif kind == "no config":
        config.unlink()
    elif kind == "config no mapping":
        config.write_text("- a\n- b\n")
    elif kind == "config no YAML":
        config.write_text("mask: {name: [\n")
    elif kind == "config of another run":
        shutil.copy(sweep / "full-nano-100-joint-0" / records.CONFIG, config)
    elif kind == "half written":
        result.rename(run / f".{records.RESULT}.123.partial")
    elif kind == "failed":
        result.unlink()
        failure = records.Failure(
            run=run.name, identity="x", error="loss is nan at step 3", signal="SIGKILL", attempts=2
        )
        storage.write_json(run / records.FAILURE, failure)
    elif kind == "truncated failure":
        result.unlink()
        (run / records.FAILURE).write_text('{"schema": 1,')
    elif kind == "foreign":
        shutil.rmtree(run)
        run.mkdir()
        (run / "notes.txt").write_text("not a run")
    elif kind == "duplicate":
        shutil.copytree(sweep / "full-nano-100-joint-0", sweep / "full-nano-copy")
        shutil.rmtree(run)


@pytest.mark.parametrize(
    ("kind", "expected", "says"),
    [
        ("truncated result", "corrupt", records.RESULT),
        ("result of another program", "corrupt", records.RESULT),
        ("empty result", "corrupt", records.RESULT),
        ("binary result", "corrupt", records.RESULT),
        ("schema of the future", "corrupt", "schema 99, expected 1"),
        ("no config", "corrupt", records.CONFIG),
        ("config no mapping", "corrupt", "not a YAML mapping"),
        ("config no YAML", "corrupt", "not a YAML mapping"),
        ("config of another run", "corrupt", "mask.name='full', result.json has mask='none'"),
        ("half written", "unfinished", "no result.json"),
        ("failed", "failed", "loss is nan at step 3 (SIGKILL), tried 2 ×"),
        ("truncated failure", "corrupt", records.FAILURE),
        ("foreign", "foreign", "not a run: no config.yaml"),
        ("duplicate", "duplicate", "same identity as sweep/full-nano-100-joint-0"),
    ],
)
def test_a_broken_folder_gives_one_clear_line_and_stops_nothing(
    sweep: Path, kind: str, expected: str, says: str
) -> None:
    spoil(kind, sweep)
    runs, (found,), _ = read([sweep])
    assert found.kind == expected and says in found.message
    assert str(found).startswith(f"{found.sweep}/{found.run}: {found.kind}: ")
    assert "\n" not in str(found)
    assert sorted(runs["mask"]) == ["full", "template"]
    with pytest.warns(UserWarning, match="1 not used"):
        assert len(analysis.load(sweep).attrs["problems"]) == 1


def test_files_and_hidden_folders_beside_the_runs_are_no_problem(sweep: Path) -> None:
    (sweep / "sweep.yaml").write_text("a: 1")
    (sweep / ".cache").mkdir()
    (sweep / "report").mkdir()
    assert read([sweep]).problems == []


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_that_is_no_sweep_is_an_error_of_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    folder = tmp_path / name
    with pytest.raises(LoadError) as error:
        read([folder])
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_the_cache_gives_the_same_table(sweep: Path) -> None:
    first = read([sweep]).runs
    assert (sweep / CACHE).exists()
    pd.testing.assert_frame_equal(first, read([sweep]).runs)


def test_the_cache_is_rebuilt_when_a_run_changes_comes_or_goes(sweep: Path) -> None:
    read([sweep])
    path = sweep / "none-nano-100-joint-0" / records.RESULT
    result = json.loads(path.read_text())
    result["nll"]["test"]["answer"] = 9.5
    time.sleep(0.01)
    path.write_text(json.dumps(result))
    fakes.write_sweep(sweep, masks=("partial",), sizes=(100,), prompts=4)
    shutil.rmtree(sweep / "template-nano-100-joint-0")
    again = read([sweep]).runs.set_index("mask")
    assert sorted(again.index) == ["full", "none", "partial"]
    assert again.loc["none", "nll.test.answer"] == 9.5


def test_a_broken_cache_is_made_again(sweep: Path) -> None:
    first = read([sweep]).runs
    (sweep / CACHE).write_bytes(b"not parquet")
    pd.testing.assert_frame_equal(first, read([sweep]).runs)


def test_the_cache_keeps_nothing_of_where_the_sweep_lay(sweep: Path, tmp_path: Path) -> None:
    read([sweep])
    moved = sweep.rename(tmp_path / "moved")
    runs = read([moved]).runs
    assert set(runs["sweep"]) == {"moved"} and runs["path"].str.contains("moved").all()


def test_arms_of_one_mask_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    for number, keep in enumerate([{}, {"response": 1.0}, {"response": 0.5}]):
        settings = fakes.config("sweep", "full", "nano", 100, number)
        settings["mask"]["keep"] = keep
        fakes.write_run(folder / f"run{number}", settings, fakes.no_effect, prompts=4)
    assert analysis.load(folder)["arm"].tolist() == ["full", "full", "full keep.response=0.5"]


def test_an_arm_of_a_mask_named_like_its_setting_has_the_name_once(tmp_path: Path) -> None:
    for number, weight in enumerate([0.0, 0.1]):
        settings = fakes.config("sweep", "prompt_weight", "nano", 100, number)
        settings["mask"]["prompt_weight"] = weight
        fakes.write_run(tmp_path / f"run{number}", settings, fakes.no_effect, prompts=4)
    arms = analysis.load(str(tmp_path))["arm"].tolist()
    assert arms == ["prompt_weight=0", "prompt_weight=0.1"]


def test_conditions_name_what_varies_and_not_what_follows_from_it(tmp_path: Path) -> None:
    folder = fakes.write_sweep(
        tmp_path / "sweep",
        sizes=(100, 300),
        models=("nano", "micro"),
        normalizers=("joint", "response"),
        prompts=4,
    )
    assert sorted(analysis.load(folder)["condition"].unique()) == [
        "model micro, normalize joint",
        "model micro, normalize response",
        "model nano, normalize joint",
        "model nano, normalize response",
    ]


def test_two_sets_of_two_sizes_are_two_conditions_and_no_curve(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "s", masks=("full",), sizes=(100,), prompts=4)
    settings = fakes.config("s", "full", "nano", 300, 0)
    settings["data"]["name"] = "mine"
    fakes.write_run(folder / "other", settings, fakes.no_effect, prompts=4)
    assert sorted(analysis.load(folder)["condition"]) == ["data builtin", "data mine"]


def test_sizes_may_be_given_by_name_or_number(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", masks=("full",), sizes=(300,), prompts=4)
    settings = fakes.config("sweep", "none", "nano", 300, 0)
    fakes.write_run(folder / "named", settings, fakes.no_effect, prompts=4)
    settings["data"]["size"] = "medium"
    (folder / "named" / records.CONFIG).write_text(yaml.safe_dump(settings, sort_keys=False))
    frame = analysis.load(folder)
    assert frame["condition"].unique().tolist() == [""]
    assert sorted(frame["config.data.size"]) == ["300", "medium"]


def test_a_run_that_names_no_group_is_as_one_without(tmp_path: Path) -> None:
    sweep = fakes.write_sweep(tmp_path / "sweep", sizes=(100,), seeds=(0, 1), prompts=4)
    first = next(sweep.glob(f"full*/{records.CONFIG}"))
    config = yaml.safe_load(first.read_text())
    config["data"] |= {"group": "", "strip": ""}
    first.write_text(yaml.safe_dump(config))
    frame = analysis.load(sweep)
    assert set(frame["condition"]) == {""} and set(frame["config.data.group"]) == {""}
    config["data"]["group"] = "input"
    first.write_text(yaml.safe_dump(config))
    assert len(set(analysis.load(sweep)["condition"])) == 2
