"""What goes on beside a launch or right after it: a mirror, a judge. Neither hurts a run."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.commands.mirror import mirror_faults
from harness.commands.run import carry_out, judge_faults
from harness.mirrors import MIRRORS, Mirror
from harness.mirrors.beside import beside, follow
from harness.mirrors.reading import Trace
from harness.records import RESULT, Result
from harness.records.storage import read_json
from tests import fakes
from tests.judge_server import serving
from tests.tiny import run_of
from tests.tiny_sweep import ROOT, Inline, overrides

judges = pytest.mark.skipif(find_spec("openai") is None, reason="needs the extra judge")


def launch(folder: Path, **judge: Any) -> int:
    run = run_of(*overrides(folder))
    asked = replace(run.score.judge, model="tiny", patience=0.0, **judge)
    run = replace(run, score=replace(run.score, judge=asked))
    return carry_out([run], "inline", Inline())


def by_length(body: dict[str, Any], key: str) -> str:
    return json.dumps({"score": len(body["messages"][0]["content"]) % 101})


@judges
def test_a_launch_has_its_answers_judged_as_the_command_would_and_a_dead_judge_hurts_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = "http://127.0.0.1:9/v1"
    assert launch(tmp_path, url=dead) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness: the answers are not judged: url={dead}: Conn")
    assert line.endswith(f"/s model=tiny url={dead} kind=score")
    (path,) = tmp_path.glob(f"s/*/{RESULT}")  # who judges makes no other run of it
    assert "judge" not in read_json(path, Result).scores
    with serving(by_length) as server:
        assert launch(tmp_path, url=server.url) == 0
        asked = len(server.requests)
        assert main(["judge", str(tmp_path / "s"), "model=tiny", f"url={server.url}"]) == 0
        assert len(server.requests) == asked > 0
    assert capsys.readouterr().out.count("agreement with exact match: ") == 2
    assert list(tmp_path.glob(f"s/*/{RESULT}")) == [path]
    assert read_json(path, Result).scored["judge"] == 2


@judges
@pytest.mark.parametrize(
    ("judge", "line"),
    [
        ({"url": "ftp://h"}, "score.judge: url=ftp://h: expected http://HOST/v1"),
        ({"name": "chrf"}, "score.judge: name=chrf: a score of that name is measured, expected"),
    ],
)
def test_a_judge_that_cannot_work_is_a_fault(judge: dict[str, Any], line: str) -> None:
    run = run_of("score.judge.model=tiny", "score.judge.url=http://h/v1")
    (fault,) = judge_faults(replace(run.score.judge, **judge))
    assert fault.startswith(line)


def test_a_tracker_that_is_none_is_a_fault() -> None:
    (fault,) = mirror_faults("wandbb")
    assert fault.startswith("mirror='wandbb': expected one of wandb, mlflow")
    assert mirror_faults("") == []


def test_what_all_runs_have_in_common_is_checked_once_and_a_launch_has_one_mirror(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked: list[str] = []

    def look(name: str) -> list[str]:
        looked.append(name)
        return [f"no {name}"]

    monkeypatch.setattr("harness.commands.run.mirror_faults", look)
    assert main(["-m", "seed=range(5)", "mirror=a"]) == 2
    assert (looked, capsys.readouterr().err) == (["a"], "harness: no a\n")
    assert main(["-m", "mask=none,full", "mirror=wandb,mlflow"]) == 2
    said = "harness: mirror=wandb,mlflow: expected one for all runs of a command\n"
    assert capsys.readouterr().err == said


def test_a_mirror_follows_a_sweep_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Trace] = []
    down = [True]

    def show(trace: Trace, folder: Path) -> None:
        if down.pop() if down else False:
            raise OSError("down for repairs")
        shown.append(trace)

    monkeypatch.setitem(MIRRORS._entries, "kept", Mirror(show, "tensorboard"))
    over, told = threading.Event(), list[list[str]]()
    following = threading.Thread(
        target=lambda: told.append(follow("kept", tmp_path / "s", over, 0.01))
    )
    following.start()  # before there is any run
    fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=1)
    over.set()
    following.join(20)
    told += [list[str]()] if told == [[]] else [follow("kept", tmp_path / "s", over)]
    assert told[-1] == [] and not down
    assert sorted(trace.run for trace in shown if trace.summary) == [
        "full-nano-100-joint-0", "none-nano-100-joint-0"
    ]  # fmt: skip


PLUGIN = """
import os
from harness.mirrors import MIRRORS, Mirror

def keep(trace, folder):
    with (folder / "kept").open("a") as file:
        file.write(f"{trace.run} {len(trace.rows)} {bool(trace.summary)}\\n")

MIRRORS.add("kept", Mirror(keep, "hf"))
MIRRORS.add("crashes", Mirror(lambda *_: os.abort(), "hf"))
"""


@pytest.mark.process
@pytest.mark.parametrize("name", ["kept", "crashes"])
def test_a_mirror_of_its_own_process_is_shown_a_launch(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf", reason="needs the extra hf")
    (tmp_path / "own_tracker.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    more = ["hydra/launcher=inline", "plugins=[own_tracker]", f"mirror={name}"]
    code = main([*overrides(tmp_path), *more])
    said = capsys.readouterr().err
    assert len(list(tmp_path.glob(f"s/*/{RESULT}"))) == 1
    if name == "kept":
        assert code == 0 and not said
        lines = (tmp_path / "s" / ".mirror" / "kept" / "kept").read_text().splitlines()
        assert {line.split()[0] for line in lines if line.endswith("True")} == {
            path.name for path in (tmp_path / "s").glob("full-*")
        }
    else:
        assert code == 1
        assert re.search(r"harness: mirror=crashes: .*; harness mirror .*/s to=crashes goes", said)


def test_a_mirror_that_does_not_start_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.mirrors.beside.sys.executable", str(tmp_path / "none"))
    with beside("kept", [tmp_path / "s"], []) as lines:
        pass
    (line,) = lines
    assert line.startswith("mirror=kept: ") and line.endswith("/s to=kept goes on from here")
    with beside("", [tmp_path / "s"], []) as lines:
        pass
    assert lines == []
