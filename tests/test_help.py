"""What the command line tells before anything runs: help, version, completion, a dry run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.commands.verbs import VERBS
from harness.config import extras
from harness.config.schema import with_launch
from harness.engine.estimate import LEAST, START, fitted, rate_of, timed
from harness.engine.plan import Plan, PlannedRun, plan_file
from harness.records.storage import write_json
from harness.run.identity import Cell
from tests import fakes
from tests.tiny import run_of, write_records
from tests.typed import Capture, said


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own for each test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_tells_commands_keys_groups_and_defaults(capsys: Capture) -> None:
    assert main([]) == 0
    short = capsys.readouterr().out
    assert all(f"  {verb} " in short for verb in VERBS) and len(short.splitlines()) < 30
    for arguments in (["--help"], ["-h"], ["run", "--help"], ["mask=none", "--help"]):
        assert main(arguments) == 0
        long = capsys.readouterr().out
        assert "full*" in long and "small_data (with -m" in long and "--dry-run" in long
        assert "seed " in long and "drives subset, order and every random choice" in long
        assert "[small]" in long and "[None]" not in long
        assert "-sc install=SHELL" in long
        assert max(map(len, long.splitlines())) <= 100


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_explains_itself(verb: str, capsys: Capture) -> None:
    assert main([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"    harness {verb} " in told or verb == "run"


def test_help_shows_every_key_of_a_command_with_its_default(capsys: Capture) -> None:
    assert main(["generate", "--help"]) == 0
    told = capsys.readouterr().out
    assert "  tokens       most tokens of the answer [100]\n" in told
    assert "micro*" in told and "[required]" not in told
    assert main(["export", "--help"]) == 0
    assert "  out  the folder [required]\n" in capsys.readouterr().out


def test_the_version_is_ours(capsys: Capture) -> None:
    assert main(["--version"]) == 0 and main(["audit", "--version"]) == 0
    assert capsys.readouterr().out == "prompt-mask-harness 0.1.0\n" * 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("harness mask=hier", ["mask=hierarchical"]),
        ("harness audit mask=hier", ["mask=hierarchical"]),
        ("harness gen", ["generate"]),
        ("harness train.ep", ["train.epochs="]),
        ("harness hydra/launcher=s", ["hydra/launcher=slurm"]),
        (
            "harness +sweeps=",
            ["+sweeps=corners", "+sweeps=limits", "+sweeps=map", "+sweeps=small_data"],
        ),
    ],
)
def test_the_shell_completes_commands_options_and_keys(
    line: str, words: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == words


def test_fish_gets_a_line_for_each_word(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for line, words in {"harness de": ["describe"], "harness mask=n": ["mask=none"]}.items():
        monkeypatch.setenv("COMP_LINE", line)
        assert main(["-sc", "query=fish"]) == 0
        assert capsys.readouterr().out.split("\n")[:-1] == words
    monkeypatch.setenv("COMP_LINE", "harness m")
    assert main(["-sc", "query=fish"]) == 0
    assert {"mirror", "mask=", "model="} <= set(capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_sets_completion_up_asks_this_very_command(
    shell: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/harness", "-sc", f"install={shell}"])
    assert main(["-sc", f"install={shell}"]) == 0
    told = capsys.readouterr().out
    asks = "fish" if shell == "fish" else "bash"  # zsh takes bash's, by its bashcompinit
    assert f"-sc query={asks}" in told and re.search(r"\bcomplete -.* harness\b", told)


def test_a_dry_run_tells_what_would_run_and_writes_nothing(
    elsewhere: Path, capsys: Capture
) -> None:
    write_records(elsewhere / "r.jsonl", 30)
    arguments = [
        "-m", "mask=none,full", "seed=range(3)", "model=nano", "data=file", "data.path=r.jsonl",
        "data.size=5", "data.validation=2", "data.test=4", "device=cpu", "sweep=s",
    ]  # fmt: skip
    before = sorted(elsewhere.rglob("*"))
    outputs = []
    for asking in (["--dry-run"], ["dry_run=true"]):
        assert main([*arguments, *asking]) == 0
        outputs.append(capsys.readouterr().out)
    assert main([*arguments, "mask=full", "seed=0", "--dry-run"]) == 0
    one = capsys.readouterr().out
    assert one.startswith("1 run in runs/s, 0 of them finished")
    assert sorted(elsewhere.rglob("*")) == before
    lines = outputs[0].splitlines()
    assert lines[0] == "6 runs in runs/s, 0 of them finished, 0 failed, 6 to do"
    assert lines[1:3] == ["  mask: none, full", "  seed: 0, 1, 2"]
    assert lines[3].startswith("data r: 5 training and 4 test examples; tokens a prompt ")
    assert lines[4].startswith("time: about 0:") and lines[5] == "nothing was written"
    (line,) = said(capsys, *arguments, "--dry-run", "data.size=99")
    assert line.startswith("harness: data.size=99: 99 examples, expected at most the 24 of the")


def test_a_dry_run_of_a_launcher_without_its_extra_says_so(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "cluster", extras.Extra(("no_such_module",), "x"))
    for dry in ([], ["--dry-run"]):
        (line,) = said(capsys, "hydra/launcher=cluster", "model=nano", *dry)
        assert line == (
            "harness: hydra/launcher=cluster: no_such_module is missing, expected "
            "pip install 'prompt-mask-harness[cluster]'"
        )


def test_a_dry_run_has_a_line_for_a_set_whatever_its_seed_and_counts_what_all_runs_cost(
    elsewhere: Path, capsys: Capture
) -> None:
    write_records(elsewhere / "r.jsonl", 30)
    arguments = [
        "-m", "seed=range(6)", "data.seed=${seed}", "model=nano", "data.path=r.jsonl",
        "data.size=5", "data.validation=2", "data.test=4", "device=cpu", "--dry-run",
        "hydra.launcher.slots=1",
    ]  # fmt: skip
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("data r: ") for line in lines) == 1
    (line,) = (line for line in lines if line.startswith("time: "))
    minutes, seconds = map(int, line.split()[2].split(":")[1:])
    assert 60 * minutes + seconds >= START + 6 * LEAST  # imports, and what a run takes anyway


def test_without_a_finished_run_time_is_told_from_a_step_that_is_timed_or_called_a_guess() -> None:
    nano = timed(run_of("model=nano"))
    assert nano.source == "from a training step of nano timed here"
    assert 1e-12 < nano.seconds < 1e-8  # of two operations: from 2 TFLOP/s to 0.2 GFLOP/s
    own = timed(run_of("model=hf", "model.path=folder"))
    assert own.source == "a guess from a matrix product timed here, not from such a run"


def test_time_is_told_from_finished_runs_of_the_same_model_before_others(tmp_path: Path) -> None:
    run = with_launch(run_of("model=nano"), runs=str(tmp_path), device="cpu")
    cell = Cell(run, "i", "c", tmp_path / "s" / "new", 100, 20.0)
    for place, model in enumerate(("nano", "micro", "micro")):
        config = fakes.config("s", "full", model, 100, place)
        fakes.write_run(tmp_path / "s" / f"r{place}", config, fakes.no_effect, prompts=1)
    planned = [
        PlannedRun(run=f"r{n}", identity=f"i{n}", contents="c", cost=6.0 * 10**n, threads=1)
        for n in range(3)
    ]
    plan_file(tmp_path / "s").parent.mkdir()
    write_json(plan_file(tmp_path / "s"), Plan(runs=planned, launches=[]))
    rate = rate_of([cell], on_gpu=False)
    # The run of nano took 100 / 40 + 2 + 1.5 s for a cost of 6.
    assert rate and (rate.seconds, rate.source) == (1.0, "from 1 finished run")
    assert rate_of([cell], on_gpu=True) is None  # these were on the CPU
    # A much larger run is not told from small ones, which take what every run takes.
    large = rate_of([cell, cell._replace(cost=25.0)], on_gpu=False)
    assert large and large.source == "from a training step of nano timed here"


def test_time_is_told_from_runs_by_a_fixed_part_and_one_that_grows() -> None:
    # 2 s each and 3 s per unit of cost: three large ones and a small one.
    past = [(100.0, 302.0), (100.0, 302.0), (80.0, 242.0), (1.0, 5.0), (2.0, 8.0), (1.0, 5.0)]
    rate = fitted(past)
    assert rate.seconds == pytest.approx(3.02, abs=0.01) and rate.source == "from 6 finished runs"
    assert rate.fixed == pytest.approx(1.98, abs=0.01)
    assert fitted([(1e9, 0.01)]).fixed == LEAST
