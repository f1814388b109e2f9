"""Names that become folders, and the words that somebody may have meant."""

from __future__ import annotations

import pytest

from harness.config.hints import hint, nearest
from harness.config.names import folder_faults, name_faults
from harness.config.schema import Run
from harness.config.validate import ConfigError, keys
from tests.tiny import run_of

KEYS = keys(Run)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "/abs",
        "../x",
        "a\\b",
        "a\nb",
        "a\x00",
        "a b",
        "a:b",
        "-rf",
        "*",
        "a\u2028b",
        "n\x1b[31m",
        "x" * 65,
        "é" * 33,
    ],
)
def test_what_leaves_its_folder_or_hides_is_no_name(name: str) -> None:
    (fault,) = name_faults("mask.name", name)
    assert fault.startswith(f"mask.name={name!r}: ") and "\n" not in fault


@pytest.mark.parametrize(
    "name", ["full", "gpt2-large", "_base", "a.b", "mask+seed-1a2b3c", "lr=1e-3,5", "été", "x" * 64]
)
def test_other_names_are_taken(name: str) -> None:
    assert name_faults("sweep", name) == []


def test_runs_is_a_path_but_not_empty() -> None:
    for path in ("", " ", "a\nb", "a\x00b"):
        (fault,) = folder_faults("runs", path)
        assert fault.startswith(f"runs={path!r}: expected ")
    for path in ("runs", "/abs/my runs", "../up", "a=b,c"):
        assert folder_faults("runs", path) == []


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("learning_rate", "train.lr"),
        ("lr", "train.lr"),
        ("max_steps", "train.epochs"),
        ("batch_size", "train.batch_examples"),
        ("num_epochs", "train.epochs"),
        ("epochs", "train.epochs"),
        ("model_name", "model"),
        ("train.epoks", "train.epochs"),
        ("traim.epochs", "train.epochs"),
        ("Learning_Rate", "train.lr"),
        ("qqq", None),
    ],
)
def test_words_known_from_elsewhere_and_typos_find_our_key(word: str, meant: str | None) -> None:
    assert nearest(word, KEYS) == meant


def test_a_word_of_elsewhere_is_offered_only_where_its_key_exists() -> None:
    assert nearest("learning_rate", ["lr", "tokens"]) == "lr"
    assert hint("learning_rate", ["out", "run"]) == "expected one of out, run"
    assert hint("qqq", KEYS) == "see --help"


@pytest.mark.parametrize(
    "override",
    [
        "mask.name=/abs/x",
        "mask.name=../../../x",
        "data.name=../x",
        "model.name=../x",
        "sweep=..",
        "runs=''",
        "sweep='a\nb'",
        "mask.name='a\nb'",
    ],
)
def test_no_run_takes_a_name_that_leaves_its_folder(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_of(override)
    (fault,) = caught.value.faults
    assert fault.lstrip('"').startswith(override.partition("=")[0]) and "expected" in fault
