"""What we write as YAML is what OmegaConf and PyYAML read, whatever it looks like."""

from __future__ import annotations

from dataclasses import asdict
from io import StringIO
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness.records.yaml_text import write_text
from tests.tiny import run_of

LIKE_NUMBERS = ["1e3", ".5e3", "1_0", "nan", ".nan", "0x1f", "1:30", "2001-01-01", "yes", "null"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=100)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS


@settings(max_examples=25)
@given(st.lists(VALUES, max_size=8))
def test_what_is_written_is_read_again(values: list[Any]) -> None:
    text = write_text({"a": [*values, *LIKE_NUMBERS], "b": {"c": values}})
    read = OmegaConf.to_container(OmegaConf.load(StringIO(text)))
    assert read == {"a": [*values, *LIKE_NUMBERS], "b": {"c": values}}
    assert yaml.safe_load(text)["b"] == {"c": values}


def test_a_config_is_written_as_omegaconf_writes_it() -> None:
    config = asdict(run_of("model=nano"))
    assert write_text(config) == OmegaConf.to_yaml(OmegaConf.create(config))


def test_a_value_is_written_in_full_each_time() -> None:
    twice = [1]
    assert write_text({"b": twice, "a": twice, "c": ("${x}", "1e3")}) == (
        "b:\n- 1\na:\n- 1\nc:\n- ${x}\n- '1e3'\n"
    )
