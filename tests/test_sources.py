"""Examples from files and from the built-in set: splits, subsets, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data import tasks
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.examples import prepare_examples
from harness.data.sources import load, n_examples, subset
from harness.data.tasks import CAPACITY, HELD_OUT_FAMILIES, BuiltinSpec, generate
from harness.data.tasks.family import FAMILIES
from harness.data.tasks.lazy import Lazy
from harness.scoring.check import verify
from tests.tiny import run_of, write_records

LITERAL = ["3358f9b1b031e6e9", "2cecfcecf6095fc0", "529022626f14bfed"]


def test_the_built_in_set_is_large_and_its_splits_share_nothing() -> None:
    sets = {split: generate(BuiltinSpec(), split, count, 0) for split, count in CAPACITY.items()}
    ids = [example.id for examples in sets.values() for example in examples]
    assert len(FAMILIES.names()) >= 40 and len(ids) == 19_000 == len(set(ids))
    assert all(len(family.phrasings) >= 4 for _, family in FAMILIES.items())
    assert {example.family for example in sets["test_families"]} == set(HELD_OUT_FAMILIES)
    both = [*sets["train"], *sets["test"]]
    assert not {example.family for example in both} & set(HELD_OUT_FAMILIES)
    asked = [
        {(m.content, m.input) for e in sets[split] for m in e.messages[:1]}
        for split in ("train", "test")
    ]
    assert not asked[0] & asked[1]


def test_two_seeds_give_more_than_20_000_distinct_examples() -> None:
    ids = {
        example.id
        for seed in (0, 1)
        for example in generate(BuiltinSpec(), "train", CAPACITY["train"], seed)
    }
    assert len(ids) > 20_000


def test_the_built_in_set_is_the_same_everywhere() -> None:
    first = generate(BuiltinSpec(), "train", 3, 0)
    assert [example.id for example in first] == LITERAL
    assert [e.id for e in generate(BuiltinSpec(), "train", 50, 0)][:3] == LITERAL
    assert [e.id for e in generate(BuiltinSpec(), "train", 3, 1)] != LITERAL


def test_every_reference_passes_its_own_check_and_most_have_one() -> None:
    examples = generate(BuiltinSpec(), "test", 3_000, 0)
    verdicts = [verify(example.check, example.response, example.response) for example in examples]
    assert False not in verdicts
    assert verdicts.count(True) / len(verdicts) > 0.8 and None in verdicts


@pytest.mark.parametrize("words", [40, 120])
def test_prompt_words_sets_the_prompts_length(words: int) -> None:
    found = generate(BuiltinSpec(prompt_words=words), "train", 200, 0)
    lengths = [len(f"{e.messages[0].content} {e.messages[0].input}".split()) for e in found]
    assert sum(lengths) / len(lengths) == pytest.approx(words, rel=0.2)


def test_response_words_sets_the_responses_length() -> None:
    found = generate(BuiltinSpec(response_words=24), "train", 200, 0)
    assert sum(len(e.response.split()) for e in found) / 200 == pytest.approx(24, rel=0.25)


def test_distractors_lengthen_inputs_and_change_no_answer() -> None:
    plain, noisy = (
        generate(BuiltinSpec(distractor=share), "train", 400, 0) for share in (0.0, 1.0)
    )
    assert all(e.messages[0].input.startswith("Background: ") for e in noisy)
    assert not any(e.messages[0].input.startswith("Background: ") for e in plain)
    assert all(verify(e.check, e.response, e.response) is not False for e in noisy)


def test_subsets_are_random_and_nested() -> None:
    pool = load(run_of().data).pool
    small, large = subset(pool, 100, 3), subset(pool, 1000, 3)
    assert large[:100] == small and len({e.id for e in large}) == 1000
    assert (
        {e.id for e in small} != {e.id for e in subset(pool, 100, 4)} != {e.id for e in pool[:100]}
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """Every example of the built-in set that is made in this test."""
    found: list[Example] = []
    word = tasks._word

    def worded(*arguments: Any) -> Example:
        found.append(word(*arguments))
        return found[-1]

    monkeypatch.setattr(tasks, "_word", worded)
    return found


def test_no_more_of_the_built_in_set_is_made_than_a_run_asks_for(made: list[Example]) -> None:
    run = run_of("model=nano", "data.size=2", "data.test=7", "data.validation=50", "data.seed=11")
    examples = prepare_examples(run)
    places = np.random.default_rng([0, 12_000]).permutation(12_000)[:2].tolist()
    assert places == [9_973, 11_172] and len(made) == 7 + 50 + 11_173
    assert [item.example.id for item in examples.train] == [made[57 + place].id for place in places]
    assert examples.digests["train"] == "afabdb52cd1ddf26"


def test_what_no_context_holds_is_said_before_the_whole_set_is_made(made: list[Example]) -> None:
    run = run_of("model=nano", "data.test=7", "data.response_words=1000", "data.seed=12")
    with pytest.raises(DataError, match="holds fewer, and 7 of 7 examples are too long"):
        prepare_examples(run)
    assert len(made) == 7


def test_a_set_that_is_used_up_says_so_each_time() -> None:
    few = Lazy(iter("abc"), 5, "data: letters")
    assert few[:3] == ["a", "b", "c"] and few[-3] == "c" and len(few) == 5
    for _ in range(2):
        with pytest.raises(DataError, match=r"^data: letters: 3, expected 5$"):
            few[3]
    with pytest.raises(IndexError):
        few[5]


def test_sizes_above_the_set_are_told() -> None:
    assert n_examples("full", 77) == 77 and n_examples(5, 77) == 5 and n_examples("tiny", 77) == 30
    with pytest.raises(
        DataError,
        match=r"data.size=small: 100 examples, expected at most the 77 of the training set",
    ):
        n_examples("small", 77)


def test_a_jsonl_file_is_split_without_overlap_and_duplicates_are_counted(tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.jsonl", 30)
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    splits = load(
        run_of("data=file", f"data.path={path}", "data.validation=5", "data.test=10").data
    )
    sets = [{e.id for e in found} for found in (splits.pool, splits.validation, splits.test)]
    assert [len(found) for found in sets] == [15, 5, 10] and splits.duplicates == 1
    assert len(set.union(*sets)) == 30
