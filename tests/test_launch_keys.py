"""What a run is, and how it is carried out, stand apart: in the config, on the command line, and in
the run's identity.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from analysis.load import read
from analysis.pairs import pair
from harness import records
from harness.__main__ import main
from harness.config.launch_keys import spelled_out
from harness.config.schema import with_launch
from harness.config.validate import ConfigError
from harness.engine.cells import cells_of
from harness.engine.names import automatic_name
from tests import fakes
from tests.tiny import run_of
from tests.tiny_sweep import overrides


def test_short_keys_are_spelled_out_and_nothing_else_is_touched() -> None:
    assert spelled_out(["device=cpu", "+threads=2", "++sweep=x", "threads=1,2", "runs=a=b"]) == [
        "launch.device=cpu",
        "+launch.threads=2",
        "++launch.sweep=x",
        "launch.threads=1,2",
        "launch.runs=a=b",
    ]
    kept = ["-m", "mask=full", "launch.device=cpu", "data.path=device=cpu", "+sweeps=x", "device"]
    assert spelled_out(kept) == kept


def test_how_a_run_is_carried_out_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    run = run_of(*overrides(tmp_path))
    changes = {
        "claim": "small_data",
        "sweep": "other",
        "runs": str(tmp_path / "elsewhere"),
        "device": "auto",
        "threads": 3,
        "retry": "failed",
        "force": True,
        "save_weights": True,
        "report": False,
        "checkpoint_seconds": 7.0,
        "plugins": ["tests.tiny"],
    }
    others = [with_launch(run, **{key: value}) for key, value in changes.items()]
    assert len(cells_of([run, *others])) == 1
    assert len(cells_of([run, run_of(*overrides(tmp_path), "train.clip=2")])) == 2


def test_a_folder_s_name_does_not_tell_how_its_runs_are_carried_out() -> None:
    name = automatic_name([["mask=none", "launch.threads=1"]])
    assert name == automatic_name([["mask=none", "launch.device=cpu", "+launch.force=true"]])
    assert name.startswith("single-") and name != automatic_name([["mask=full"]])


def test_faults_name_the_key_as_it_is_written() -> None:
    for override in ("threads=-1", "retry=never", "device=tpu", "sweep=a/b"):
        with pytest.raises(ConfigError) as caught:
            run_of(override)
        (fault,) = caught.value.faults
        assert fault.startswith(override.partition("=")[0] + "=")


def test_the_command_line_takes_short_keys_and_the_run_keeps_them_nested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.commands.run.report", lambda *_: True)
    short = ["++threads=1", "checkpoint_seconds=9", "hydra/launcher=inline"]
    assert main([*overrides(tmp_path), *short]) == 0
    (config,) = (tmp_path / "s").glob("*/config.yaml")
    written = yaml.safe_load(config.read_text())
    assert written["launch"]["device"] == "cpu" and written["launch"]["checkpoint_seconds"] == 9
    assert "device" not in written and "seed" in written


def test_a_report_is_made_unless_it_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def noted(sweep: Path) -> bool:
        made.append(sweep)
        return True

    monkeypatch.setattr("harness.commands.run.report", noted)
    for asked in ("report=false", "report=true"):
        assert main([*overrides(tmp_path), "hydra/launcher=inline", asked]) == 0
    assert made == [tmp_path / "s"]


def test_a_typo_in_a_short_key_finds_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devise=cpu", "seed=0"]) == 2
    told = capsys.readouterr().err
    assert told == "harness: devise=cpu: no such key devise, did you mean device?\n"


def test_runs_of_before_the_two_stood_apart_are_still_read_and_paired(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "sweep", masks=("full", "none"), sizes=(100,), prompts=4)
    for number, path in enumerate(sorted(folder.glob(f"*/{records.CONFIG}"))):
        config = yaml.safe_load(path.read_text())
        config |= config.pop("launch") | {"threads": number + 1, "save_weights": bool(number)}
        path.write_text(yaml.safe_dump(config))
    runs = read([folder]).runs
    assert sorted(runs["config.threads"]) == [1, 2]
    assert len(pair(runs).pairs) == 1


def test_the_kept_example_runs_are_still_read(tmp_path: Path) -> None:
    kept = Path(__file__).parent.parent / "docs" / "results" / "main"
    runs = read([shutil.copytree(kept, tmp_path / "main")]).runs
    assert len(runs) == 6 and set(runs["mask"]) == {"none", "full", "partial"}
    assert set(runs["config.launch.device"]) == {"auto"} and set(runs["config.seed"]) == {0}
