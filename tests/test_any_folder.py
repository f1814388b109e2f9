"""Folders of any name may lie where the harness is used: none is taken for a group of options."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import command_config
from harness.config.schema import Run
from harness.config.validate import keys
from tests.tiny_sweep import command_in, overrides

NAMES = sorted({part for key in keys(Run) for part in key.split(".")} | {"hydra", "sweeps"})
"""Every word that stands in a key: mask, data, runs, sweep, threads …"""


def test_the_names_are_those_of_the_keys() -> None:
    assert {"mask", "data", "model", "train", "score", "runs", "sweep", "claim"} <= set(NAMES)


def test_no_folder_changes_what_a_command_line_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["mask=none", "runs=elsewhere", "sweep=x", "threads=1", "claim=", "data.size=9"]
    expected = command_config("config", Run, lines)
    for name in NAMES:
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert command_config("config", Run, lines) == expected
    assert expected.launch.runs == "elsewhere" and expected.mask.name == "none"


@pytest.mark.slow
def test_a_sweep_and_then_another_run_beside_all_of_them(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()
    for more in (["-m", "seed=range(2)"], ["seed=3"]):
        done = command_in(tmp_path, *more, *overrides(tmp_path))
        assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("s/*/result.json"))) == 3
