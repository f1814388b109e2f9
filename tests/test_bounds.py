"""Work that cannot end is refused by the config alone, in one line, before anything is made."""

from __future__ import annotations

import pytest

from harness.config.validate import ConfigError
from tests.tiny import run_of


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("train.epochs=1000000000", "train.epochs=1000000000: expected at most 100,000"),
        (
            "train.epochs=100000 data.size=huge",
            (
                "train.epochs=100000 data.size=huge: 1,000,000,000 passes of an example, "
                "expected at most 100,000,000"
            ),
        ),
        (
            "model.layers=1000000 model.width=8 model.heads=2",
            "model.layers=1000000: expected at most 1,000",
        ),
        (
            "model.layers=1000 model.width=8192",
            (
                "model.layers=1000 model.width=8192: 805,373,476,864 parameters, "
                "expected at most 20,000,000,000"
            ),
        ),
        (
            "model.context=1000000000",
            "model.context=1000000000: expected at most 1,000,000 tokens",
        ),
        (
            "score.response_tokens=1000000000",
            "score.response_tokens=1000000000: expected at most 1,000,000",
        ),
        (
            "model.width=999999999999999999 model.heads=2",
            "model.heads=2: expected a divisor of model.width=999999999999999999, one of",
        ),
        (
            "data.prompt_words=1000000000",
            (
                "data.prompt_words=1000000000 data.response_words=0: expected at most "
                "model.context=1024 together, as a word is a token or more"
            ),
        ),
        (
            "data.response_words=1000000000",
            "data.prompt_words=0 data.response_words=1000000000: expected at most",
        ),
    ],
)
def test_what_could_not_end_is_refused(override: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("model=nano", *override.split())
    assert any(line.startswith(fault) for line in caught.value.faults)


def test_what_is_large_and_can_end_is_not() -> None:
    run = run_of("model=gpt2-xl", "train.epochs=100", "data.size=huge", "data.prompt_words=600")
    assert run.train.epochs == 100
