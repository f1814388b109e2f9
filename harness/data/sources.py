"""Examples from a source, split into training pool, validation and held-out sets that share no
example.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.config.schema import SIZES, Data
from harness.data.example import Example, Message, Speaker, alpaca
from harness.data.tasks import CAPACITY, BuiltinSpec, generate

SPEAKERS: dict[str, Speaker] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}


class DataError(ValueError):
    """A data set cannot be read or is too small; one line with file, line and what was expected."""


class Splits(NamedTuple):
    """Disjoint sets of examples.

    Attributes:
        pool: what training subsets are drawn from.
        validation: for choosing, never trained on.
        test: held out.
        test_families: of task families that no other set holds.
        duplicates: equal conversations left out.
    """

    pool: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    test_families: tuple[Example, ...]
    duplicates: int


def load(data: Data) -> Splits:
    """The sets that a data config names; the same for every size, template and seed of a run.

    Raises:
        DataError: the file is missing or a line is not an example, or the set is too small.
    """
    if data.source == "builtin":
        spec = BuiltinSpec(
            prompt_words=data.prompt_words,
            response_words=data.response_words,
            distractor=data.distractor,
        )
        return _builtin(spec, data.validation, data.test, data.test_families, data.seed)
    return _jsonl(Path(data.path), data.validation, data.test, data.seed)


def n_examples(size: int | str, pool: int) -> int:
    """The number that `data.size` names, of a pool of so many examples.

    Raises:
        DataError: the pool has fewer.
    """
    count = pool if size == "full" else size if isinstance(size, int) else SIZES[size]
    if count > pool:
        raise DataError(
            f"data.size={size}: {count} examples, expected at most the {pool} of the training set"
        )
    return count


def subset(pool: tuple[Example, ...], count: int, seed: int) -> list[Example]:
    """`count` random examples; a smaller subset of the same seed is a prefix of a larger one."""
    order = np.random.default_rng([seed, len(pool)]).permutation(len(pool))
    return [pool[place] for place in order[:count]]


@lru_cache(maxsize=4)
def _builtin(
    spec: BuiltinSpec, validation: int, test: int, test_families: int, seed: int
) -> Splits:
    try:
        return Splits(
            tuple(generate(spec, "train", CAPACITY["train"], seed)),
            tuple(generate(spec, "validation", validation, seed)),
            tuple(generate(spec, "test", test, seed)),
            tuple(generate(spec, "test_families", test_families, seed)),
            0,
        )
    except ValueError as error:
        raise DataError(f"data: {error}") from None


@lru_cache(maxsize=4)
def _jsonl(path: Path, validation: int, test: int, seed: int) -> Splits:
    found = list(read_jsonl(path))
    distinct = list({example.id: example for example in found}.values())
    if len(distinct) <= validation + test:
        raise DataError(
            f"{path}: {len(distinct)} distinct examples, expected above "
            f"data.validation={validation} plus data.test={test}"
        )
    order = np.random.default_rng(seed).permutation(len(distinct))
    shuffled = tuple(distinct[place] for place in order)
    return Splits(
        shuffled[validation + test :],
        shuffled[:validation],
        shuffled[validation : validation + test],
        (),
        len(found) - len(distinct),
    )


def read_jsonl(path: Path) -> Iterator[Example]:
    """Yield the examples of a `.jsonl` or `.jsonl.gz` file of chat or Alpaca records.

    Raises:
        DataError: the file is missing, or a line is neither; file and line are named.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _example(line, f"{path}:{number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"data.path={path}: {error}") from None


def _example(line: str, place: str) -> Example:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON ({error.msg})") from None
    if isinstance(record, dict) and isinstance(record.get("messages"), list):
        return Example(tuple(_messages(record["messages"], place)))
    if isinstance(record, dict) and isinstance(record.get("instruction"), str):
        texts = [record["instruction"], record.get("input", ""), record.get("output")]
        if all(isinstance(text, str) for text in texts):
            return alpaca(*texts)
    raise DataError(
        f'{place}: expected {{"messages": [...]}} or {{"instruction", "input", "output"}}, all texts'
    )


def _messages(records: list[Any], place: str) -> Iterator[Message]:
    """Checked messages: a system message may open, then user and assistant take turns, the
    assistant last.
    """
    expected = "user"
    for number, record in enumerate(records):
        role, content = (
            (record.get("role"), record.get("content"))
            if isinstance(record, dict)
            else (None, None)
        )
        if role not in SPEAKERS or not isinstance(content, str):
            raise DataError(
                f'{place}: message {number}: expected {{"role": one of {list(SPEAKERS)}, "content": text}}'
            )
        speaker = SPEAKERS[role]
        if speaker == "system" and number == 0:
            yield Message(speaker, content)
            continue
        if speaker != expected:
            raise DataError(f"{place}: message {number} is of {role!r}, expected {expected!r}")
        expected = "assistant" if expected == "user" else "user"
        yield Message(speaker, content)
    if not records or SPEAKERS[records[-1]["role"]] != "assistant":
        raise DataError(f"{place}: expected the last of the messages to be the assistant's")
