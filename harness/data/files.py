"""Sets of files of one's own: read, mixed, freed of duplicates, and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from harness.config.schema import Data
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.formats import Record, read
from harness.data.groups import INPUT, Groups, by_group, count_groups, groups_of, spelled, strangers
from harness.data.overlap import apart, distinct
from harness.data.shapes import example_of, mapped, value_at
from harness.data.specials import warnings
from harness.data.splits import Splits

MOST_NAMED = 6
"""Keys that are not read that a line names."""


class Reading(NamedTuple):
    """How records become examples.

    Attributes:
        columns: pairs of a shape's key and the files' key.
        group: what examples share that are to stay on one side of a split; "" for nothing.
        strip: what answers end in, which is cut off; "" for nothing.
    """

    columns: tuple[tuple[str, str], ...] = ()
    group: str = ""
    strip: str = ""


AS_IT_IS = Reading()


class FileSet(NamedTuple):
    """What a data config says of files.

    Attributes:
        paths: of the training files.
        mix: the share of each, relative to the others; empty to take all of all.
        validation_path, test_path: files of their own; "" to take them from the training files.
        reading: how records become examples.
        validation, test: numbers of examples.
        seed: of mixture and split.
    """

    paths: tuple[str, ...]
    mix: tuple[float, ...]
    validation_path: str
    test_path: str
    reading: Reading
    validation: int
    test: int
    seed: int


def load_files(data: Data) -> Splits:
    """The sets that a data config's files hold.

    Raises:
        DataError: a file cannot be read, a record is no example, or there are too few.
    """
    paths = (data.path,) if isinstance(data.path, str) else tuple(data.path)
    return _load(
        FileSet(
            paths,
            tuple(data.mix),
            data.validation_path,
            data.test_path,
            Reading(tuple((data.columns or {}).items()), data.group, data.strip),
            data.validation,
            data.test,
            data.seed,
        )
    )


@lru_cache(maxsize=64)
def _load(files: FileSet) -> Splits:
    notes: list[str] = []
    sets = [_read(path, files, notes) for path in files.paths]
    found = _mixed(sets, files, notes) if files.mix else [item for items in sets for item in items]
    rest = distinct(found)
    duplicates = len(found) - len(rest)
    from_rest = files.validation * (not files.validation_path) + files.test * (not files.test_path)
    if len(rest) <= from_rest:
        raise DataError(
            f"{', '.join(files.paths)}: {len(rest)} distinct examples, expected above "
            f"data.validation={files.validation} plus data.test={files.test}"
        )
    own = [
        _shuffled(distinct(_read(path, files, notes)), files.seed) if path else None
        for path in (files.validation_path, files.test_path)
    ]
    groups = groups_of([*rest, *(own[0] or ()), *(own[1] or ())], files.reading.group)
    rest = by_group(rest, groups, files.seed) if groups else _shuffled(rest, files.seed)
    validation, others = _held_out(own[0], files.validation, rest, groups)
    test, others = _held_out(own[1], files.test, others, groups)
    pool, choosing = apart(others, validation, test), apart(validation, test)
    in_test = len(others) - len(pool) + len(validation) - len(choosing)
    if groups:
        choosing = strangers(choosing, test, groups)
        taken = len(validation) * (own[0] is None) + len(test) * (own[1] is None)
        _check_groups(taken, from_rest, len(pool), files)
        notes.append(
            f"data.group={files.reading.group}: {count_groups(rest, groups):,} groups, "
            f"{len(rest) - taken - len(others):,} examples left out so that none is on two sides"
        )
    if not pool:
        raise DataError(
            f"{', '.join(files.paths)}: every training example stands in the test or validation "
            "set too, expected others"
        )
    if duplicates:
        notes.append(f"{duplicates:,} examples left out that occur twice")
    if in_test:
        notes.append(f"{in_test:,} examples left out that the held-out sets hold too")
    return Splits(
        tuple(pool), tuple(choosing), tuple(test), (), duplicates, in_test, tuple(notes),
        warnings([*pool, *choosing, *test]),
    )  # fmt: skip


def _check_groups(taken: int, wanted: int, left: int, files: FileSet) -> None:
    """Raise DataError where whole groups leave too few examples for a set."""
    if taken < wanted or not left:
        raise DataError(
            f"{', '.join(files.paths)}: whole groups of data.group={files.reading.group} leave "
            f"{taken:,} held-out and {left:,} training examples, expected {wanted:,} and some; "
            "smaller sets or another key"
        )


@lru_cache(maxsize=64)
def held_out(path: str, seed: int) -> tuple[Example, ...]:
    """All distinct examples of a path that nothing is trained on, shuffled.

    Raises:
        DataError: it cannot be read, or a record is no example.
    """
    return tuple(_shuffled(distinct(_noted(path, AS_IT_IS)[0]), seed))


def _read(path: str, files: FileSet, notes: list[str]) -> list[Example]:
    """As `read_examples`, once for all splits of a path."""
    examples, said = _noted(path, files.reading)
    notes += said
    return examples


@lru_cache(maxsize=8)
def _noted(path: str, reading: Reading) -> tuple[list[Example], list[str]]:
    notes: list[str] = []
    return read_examples(path, reading, notes), notes


def read_examples(
    path: str, reading: Reading = AS_IT_IS, notes: list[str] | None = None
) -> list[Example]:
    """The examples of a path; a line on what they were made from goes to the notes.

    Raises:
        DataError: it cannot be read, or a record is no example; file and line are named.
    """
    examples = []
    used: Counter[tuple[str, ...]] = Counter()
    unused: dict[str, None] = {}
    for record in read(path):
        for fields in mapped(record, dict(reading.columns)) if reading.columns else (record,):
            example, keys, others = example_of(fields)
            examples.append(_finished(example, record, fields, reading))
            used[keys] += 1
            unused |= dict.fromkeys(others)
    if not examples:
        raise DataError(f"data.path={path}: no record in it, expected some")
    if notes is not None:
        notes.append(f"{path}: {_origin(used, list(unused))}")
    return examples


def _finished(example: Example, record: Record, fields: Record, reading: Reading) -> Example:
    """The example with its group, and without what its answers end in.

    Args:
        example: as made.
        record: as read.
        fields: the same under the names that shapes know.
        reading: what is asked for.

    Raises:
        DataError: the answers weigh part for part, and one of these would be cut.
    """
    if reading.group == INPUT:
        example = replace(example, group=spelled(" ".join(said.input for said in example.messages)))
    elif reading.group:
        named = fields.fields if reading.group in fields.fields else record.fields
        example = replace(example, group=spelled(value_at(named, reading.group)))
    if reading.strip:
        if any(message.spans for message in example.messages):
            raise DataError(
                f"{example.place}: data.strip={reading.strip} beside weights of its own, expected "
                "one of them"
            )
        said = tuple(
            replace(message, content=message.content.removesuffix(reading.strip))
            if message.speaker == "assistant"
            else message
            for message in example.messages
        )
        example = replace(example, messages=said)
    return example


def _origin(used: Counter[tuple[str, ...]], unused: list[str]) -> str:
    """What the examples were made from: "1,100 examples from instruction, input, output"."""
    kinds = [f"{count:,} from {', '.join(keys)}" for keys, count in used.most_common()]
    said = kinds[0].replace(" from ", " examples from ", 1) if len(kinds) == 1 else "; ".join(kinds)
    more = ", ..." if len(unused) > MOST_NAMED else ""
    return said + (f" (not read: {', '.join(unused[:MOST_NAMED])}{more})" if unused else "")


def _mixed(sets: Sequence[list[Example]], files: FileSet, notes: list[str]) -> list[Example]:
    """As many examples of each set as its share allows, so that none is used up before another."""
    if len(files.mix) != len(sets) or not all(share > 0 for share in files.mix):
        raise DataError(
            f"data.mix={list(files.mix)}: expected a share above 0 for each of the "
            f"{len(sets)} paths"
        )
    whole = min(len(items) / share for items, share in zip(sets, files.mix, strict=True))
    mixed = []
    for items, share, path in zip(sets, files.mix, files.paths, strict=True):
        count = max(1, int(whole * share + 1e-9))
        mixed += _shuffled(items, files.seed)[:count]
        notes.append(f"{path}: {count:,} of {len(items):,} are taken, as data.mix says")
    return mixed


def _held_out(
    own: list[Example] | None, count: int, rest: list[Example], groups: Groups
) -> tuple[list[Example], list[Example]]:
    """A held-out set of at most `count`, of a file of its own or else of the training files, and
    what is left of these: nothing of its groups.
    """
    held, left = (rest[:count], rest[count:]) if own is None else (own[:count], rest)
    return held, strangers(left, held, groups)


def _shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    order = np.random.default_rng(seed).permutation(len(examples))
    return [examples[place] for place in order]
