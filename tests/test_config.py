"""The config boundary and the command line: every fault at once, one line each, before any run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException

from harness.__main__ import presets, unknown_keys
from harness.config.schema import SIZES, Run
from harness.config.validate import ConfigError, keys, parse
from harness.paths import CONF, SWEEPS
from harness.run.identity import peak_rate
from tests.tiny import run_of, write_records


def command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


@pytest.mark.parametrize(
    "path", sorted(CONF.glob("*/[!_]*.yaml")), ids=lambda path: f"{path.parent.name}={path.stem}"
)
def test_every_shipped_option_composes(path: Path) -> None:
    extra = ["data.path=file.jsonl"] if path.stem == "file" else []
    run = run_of(f"{path.parent.name}={path.stem}", *extra)
    if path.parent.name != "train" and path.parent.name != "score":
        assert getattr(run, path.parent.name).name == path.stem


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model.heads=3",
            "model.heads=3: expected a divisor of model.width=128, one of [1, 2, 4, 8, 16, 32, 64]",
        ),
        (
            "mask.importance=idff",
            (
                "mask.importance='idff': expected one of idf, surprisal, position, random, "
                "did you mean idf?"
            ),
        ),
        ("mask.schedule=rising", "mask.schedule='rising': expected one of constant, falling"),
        ("train.decay=cosin", "train.decay='cosin': expected one of linear, cosine, constant, did"),
        ("score.scores=[bleu]", "score.scores='bleu': expected one of exact_match, verified"),
        ("data.size=enormous", "data.size=enormous: expected tiny"),
        (
            "data.size=0",
            "data.size=0: expected tiny, small, medium, large, huge, full or a number above 0",
        ),
        ("data.size=-5", "data.size=-5: expected tiny"),
        ("train.epochs=2.5", "train.epochs=2.5: expected a valid integer"),
        (
            "train.normalize=mean",
            "train.normalize='mean': expected one of joint, response, example",
        ),
        ("train.lr=fast", "train.lr='fast': expected a valid number or 'auto'"),
        ("train.lr=-1", "train.lr=-1: expected greater than 0 or 'auto'"),
        ("seed=-1", "seed=-1: expected greater than or equal to 0"),
        ("seed=null", "seed=None: expected a valid integer"),
        ("device=tpu", "device='tpu': expected auto, cpu, cuda or cuda:N"),
        ("sweep=a/b", "sweep='a/b': expected letters"),
        ("data=file", "data.path='': expected a file, a folder, hf:owner/name or a list of these"),
        (
            "data.path=a.jsonl",
            "data.path='a.jsonl': the set builtin takes none, expected data=file",
        ),
        ("data.test_path=b", "data.test_path='b': the set builtin takes none, expected data=file"),
        (
            "data.source=webb",
            "data.source='webb': expected one of files, builtin",
        ),
        ("plugins=[no_such]", "plugins=[no_such]: no module no_such, expected one in the working"),
        ("plugins=[a/b]", "plugins=[a/b]: expected names of modules, such as my_masks"),
        ("mask.weight.response=-1", "mask.weight.response=-1: expected greater than or equal to 0"),
        ("+mask.weight.reponse=1", "mask.weight.reponse"),
        ("+train.epoch=1", "train.epoch=1: no such key, did you mean train.epochs?"),
        (
            "data.template=fancy",
            "data.template='fancy': expected alpaca, chatml, headers, phi3, plain",
        ),
    ],
)
def test_a_bad_value_is_one_line_with_key_value_and_what_is_allowed(
    override: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("mask=full", "model=nano", override)
    assert len(caught.value.faults) == 1 and "\n" not in caught.value.faults[0]
    assert caught.value.faults[0].startswith(message)


@pytest.mark.parametrize(
    "override",
    ["prompt_words=30", "response_words=9", "distractor=0.5", "test_families=40"],
)
def test_what_is_for_the_built_in_set_alone_is_refused_for_files(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("data=file", "data.path=a.jsonl", f"data.{override}")
    line = f"data.{override}: the set files takes none, expected data=builtin"
    assert caught.value.faults == [line]


def test_all_faults_come_together() -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("train.epochs=x", "seed=-1", "+train.foo=1")
    assert len(caught.value.faults) == 3


def test_no_default_stands_in_the_schema() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({}, Run)
    assert {fault.split(":")[0] for fault in caught.value.faults} == set(Run.__dataclass_fields__)


def test_unknown_keys_are_all_named_with_the_nearest_known_one() -> None:
    faults = unknown_keys(
        [
            "-m",
            "mask=none,full",
            "train.epoks=1",
            "+typo=2",
            "hydra.sweep.dir=x",
            "+sweeps=small_data",
        ]
    )
    assert faults[0] == "train.epoks=1: no such key train.epoks, did you mean train.epochs?"
    assert faults[1].startswith("+typo=2: no such key typo") and len(faults) == 2
    assert "mask.weight" in keys(Run)


def test_sizes_have_names() -> None:
    assert SIZES == {"tiny": 30, "small": 100, "medium": 300, "large": 1_000, "huge": 10_000}


def test_the_tuned_rate_is_interpolated_in_logarithms() -> None:
    run = run_of("model=nano")
    sizes = sorted(run.model.lr)
    assert peak_rate(run, sizes[0]) == pytest.approx(run.model.lr[sizes[0]])
    assert peak_rate(run, 1) == pytest.approx(run.model.lr[sizes[0]])
    middle = peak_rate(run, round((sizes[0] * sizes[1]) ** 0.5))
    assert middle == pytest.approx(
        (run.model.lr[sizes[0]] * run.model.lr[sizes[1]]) ** 0.5, rel=0.01
    )
    assert peak_rate(run_of("train.lr=0.5"), 7) == 0.5


def test_hydra_itself_refuses_a_group_that_does_not_exist() -> None:
    with pytest.raises(ConfigCompositionException):
        run_of("mask=nonsense")


def test_a_faulty_sweep_stops_before_its_first_run_with_all_faults(tmp_path: Path) -> None:
    done = command(
        "-m", "model.heads=3,4", "data.template=a,b", "mask.weight.end=0", "sweep=x", cwd=tmp_path
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr and not list(tmp_path.iterdir())
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3 and all(line.startswith("harness: ") for line in lines)


def test_a_set_that_is_too_small_is_told_before_the_first_run(tmp_path: Path) -> None:
    done = command("-m", "data.size=20000,50000", "model.context=16", "sweep=x", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr and not list(tmp_path.iterdir())
    assert (
        "data.size=20000: 20000 examples, expected at most the 12000 of the training set"
        in done.stderr
    )
    assert "data.size=50000" in done.stderr


def test_stored_sweeps_are_found_from_any_folder_and_presets_are_theirs(tmp_path: Path) -> None:
    assert presets(["-m", "+sweeps=small_data", "preset=gpu"]) == [
        "-m",
        "+sweeps=small_data",
        "sweeps/small_data@_global_=gpu",
    ]
    for stored in sorted(SWEEPS.glob("*.yaml")):
        done = command(
            "-m", f"+sweeps={stored.stem}", "preset=laptop", "seed=0", "model.heads=3", cwd=tmp_path
        )
        assert done.stderr.strip().startswith("harness: model.heads=3: expected a divisor"), (
            done.stderr
        )
    done = command("preset=laptop", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(
        "harness: preset=laptop: no such key preset"
    )


def test_a_new_strategy_is_one_yaml_file(tmp_path: Path) -> None:
    """Added on the fly, in a folder of the user's own."""
    (tmp_path / "mask").mkdir()
    (tmp_path / "mask" / "mine.yaml").write_text("name: mine\nweight: {instruction: 0.3}\n")
    write_records(tmp_path / "r.jsonl", 30)
    done = command(
        f"--config-dir={tmp_path}", "mask=mine", "data=file", "data.path=r.jsonl", "data.size=4", "data.validation=1",
        "data.test=2", "model=nano", "train.epochs=1", "score.responses=1", "sweep=s", "score.response_tokens=1",
        cwd=tmp_path,
    )  # fmt: skip
    (result,) = (tmp_path / "runs" / "s").glob("mine-*/result.json")
    mass = json.loads(result.read_text())["weight_mass"]
    assert done.returncode in (0, 2) and set(mass) == {"instruction", "response", "end"}


def test_the_shell_completes_masks(tmp_path: Path) -> None:
    environment = {**os.environ, "COMP_LINE": "harness mask=hier", "COMP_POINT": "17"}
    done = subprocess.run(
        [sys.executable, "-m", "harness", "-sc", "query=bash"],
        env=environment, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["mask=hierarchical"], done.stderr
