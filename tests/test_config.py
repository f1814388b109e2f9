"""The config boundary and the command line: every fault at once, one line each, before any run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.schema import SIZES, Run
from harness.config.validate import ConfigError, parse
from harness.paths import CONF
from harness.run.identity import peak_rate
from tests.tiny import run_of


@pytest.mark.parametrize(
    "path", sorted(CONF.glob("*/[!_]*.yaml")), ids=lambda path: f"{path.parent.name}={path.stem}"
)
def test_every_shipped_option_composes(path: Path) -> None:
    more = {"file": ["data.path=file.jsonl"], "hf": ["model.path=a/hf", "train.lr=1e-4"]}
    run = run_of(f"{path.parent.name}={path.stem}", *more.get(path.stem, ()))
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
        ("train.lr=1e30", "train.lr=1e+30: expected less than or equal to 1000 or 'auto'"),
        ("seed=-1", "seed=-1: expected greater than or equal to 0"),
        ("seed=9223372036854775808", "seed=9223372036854775808: expected less than 92233720368547"),
        ("data.seed=1e30", "data.seed=1e+30: expected a valid integer"),
        ("train.beta1=1.0", "train.beta1=1.0: expected less than 1"),
        ("seed=null", "seed=None: expected a valid integer"),
        ("device=tpu", "device='tpu': expected auto, cpu, cuda or cuda:N"),
        ("sweep=a/b", "sweep='a/b': expected letters"),
        ("data=file", "data.path='': expected a file, a folder, hf:owner/name or a list of these"),
        (
            "data=builtin data.path=a.jsonl",
            "data.path='a.jsonl': the set builtin takes none, expected data=file",
        ),
        ("data.test_path=b", "data.test_path='b': the set builtin takes none, expected data=file"),
        (
            "data.source=webb",
            "data.source='webb': expected one of files, named, reasoning_gym, builtin",
        ),
        (
            "claim=smal_data",
            (
                "claim='smal_data': expected one of capacity, corners, limits, long_input, "
                "map, multi_turn, short_text, small_data, did you mean small_data?"
            ),
        ),
        ("plugins=[no_such]", "plugins=[no_such]: no module no_such, expected one in the working"),
        ("plugins=[a/b]", "plugins=[a/b]: expected names of modules, such as my_masks"),
        ("mask.weight.response=-1", "mask.weight.response=-1: expected greater than or equal to 0"),
        ("+mask.weight.reponse=1", "mask.weight.reponse"),
        ("+train.epoch=1", "+train.epoch=1: no such key train.epoch, did you mean train.epochs?"),
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
        run_of("mask=full", "model=nano", *override.split())
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
        run_of("train.epochs=x", "seed=-1", "data.test=0")
    assert len(caught.value.faults) == 3


def test_no_default_stands_in_the_schema() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({}, Run)
    assert {fault.split(":")[0] for fault in caught.value.faults} == set(Run.__dataclass_fields__)


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
