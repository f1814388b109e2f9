"""Jobs that only give other scalars come to what Hydra and OmegaConf make of them."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from harness.config.compose import compose, loader_of, opened, plain
from harness.config.overlay import Base
from tests.tiny import composing

CONFIG = {
    "seed": 0,
    "name": "a",
    "data": {"seed": "${seed}", "size": 10, "columns": None, "path": "???"},
    "model": {"lr": {100: 1e-3}, "names": ["x"]},
}

KEYS = ("seed", "name", "data.seed", "data.size", "data.columns")

VALUES = st.one_of(
    st.integers(-3, 3).map(str),
    st.floats(0.001, 10).map(repr),
    st.sampled_from(["true", "null", "abc", "'a b, c'", '"5"', "1e-3", "a/b.jsonl", "007", "''"]),
)


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create(config_loader=loader_of(opened()))


def _by_omegaconf(lines: list[str]) -> dict[str, object]:
    config = OmegaConf.create(copy.deepcopy(CONFIG))
    OmegaConf.set_struct(config, value=True)
    ConfigLoaderImpl._apply_overrides_to_config(_parser().parse_overrides(lines), config)
    return plain(config)


def _overlaid(lines: list[str]) -> dict[str, object] | None:
    return Base(OmegaConf.create(CONFIG)).overlaid(_parser().parse_overrides(lines))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["seed", "name", "data.seed", "data.size", "data.columns"]), VALUES
        )
    )
)
def test_scalars_give_what_omegaconf_gives(pairs: list[tuple[str, str]]) -> None:
    lines = ["data.path=x", *(f"{key}={value}" for key, value in pairs)]
    found = _overlaid(lines)
    assert found == _by_omegaconf(lines)
    assert repr(found) == repr(_by_omegaconf(lines))  # 1 is not 1.0 or True


def test_a_reference_follows_what_a_job_sets() -> None:
    found = _overlaid(["seed=3", "data.path=x"])
    assert found is not None and found["data"]["seed"] == 3  # type: ignore[index]
    assert _overlaid(["data.path=x"])["data"]["seed"] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    "lines",
    [
        [],  # data.path is missing
        ["data.path=${nope}"],
        ["data.path=x", "nope=1"],
        ["data.path=x", "data=1"],  # a group, no value
        ["data.path=x", "model.names=y"],
        ["data.path=x", "data.columns={a: b}"],
        ["data.path=x", "+data.more=1"],
        ["data.path=x", "++data.size=1"],
        ["data.path=x", "~data.size"],
        ["data.path=x", "seed=${name}.${name}"],
    ],
)
def test_anything_else_is_left_to_omegaconf(lines: list[str]) -> None:
    assert _overlaid(lines) is None


def test_jobs_share_what_only_omegaconf_can_apply_and_keep_the_order_of_what_is_related() -> None:
    loader, master, _ = composing(Path.cwd())
    jobs = [
        ["data.columns={a: question}", "seed=1"],
        ["data.columns={a: question}", "seed=2"],
        ["data.columns=null", "data.columns={b: answer}"],
        ["data.columns={b: answer}", "data.columns=null"],
    ]
    bases: dict[tuple[str, ...], Base] = {}
    found = [plain(job) for job in compose(loader, master, jobs, bases)]
    assert [each["seed"] for each in found] == [1, 2, 0, 0]
    assert [each["data"]["columns"] for each in found] == [
        {"a": "question"},
        {"a": "question"},
        {"b": "answer"},
        None,
    ]
    assert ("data.columns={a: question}",) in bases
    fresh = compose(loader, master, jobs[1:2])[0]
    assert not isinstance(fresh, DictConfig)
