"""The shapes of records, told by their keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import NamedTuple

from harness.config.registry import Registry
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.formats import Record
from harness.data.shapes.chat import messages, unread
from harness.data.shapes.pairs import ANSWERS, INPUTS, QUESTIONS, pair
from harness.data.shapes.segments import segments
from harness.data.values import keys, quoted

EACH = "*"
"""Stands for each element of a list in a column's path."""

ReadShape = Callable[[Mapping[str, object], str], Example]
"""Fields and place of a record -> its example; raises `DataError`."""


class Shape(NamedTuple):
    """A kind of record.

    Attributes:
        needs: one key of each of these is there.
        takes: further keys that are read.
        read: makes the example.
    """

    needs: tuple[tuple[str, ...], ...]
    takes: tuple[str, ...]
    read: ReadShape

    def fits(self, fields: Mapping[str, object]) -> bool:
        """Whether a record is of this kind."""
        return all(any(name in fields for name in names) for names in self.needs)


SHAPES: Registry[Shape] = Registry("shape")
"""In the order in which they are looked for."""

SHAPES.add("messages", Shape((("messages",),), ("system",), messages))
SHAPES.add("conversations", Shape((("conversations",),), ("system",), messages))
SHAPES.add("segments", Shape((("segments",),), ("text",), segments))
SHAPES.add("pair", Shape((QUESTIONS, ANSWERS), (*INPUTS, "system"), pair))

EXPECTED = (
    "messages, or conversations, or segments, or "
    f"one of {quoted(QUESTIONS)} with one of {quoted(ANSWERS)}, or data.columns to map them"
)


class Read(NamedTuple):
    """An example and how it was found.

    Attributes:
        example: the example.
        used: the keys that it was made from, in the record's order.
        unused: the record's other keys, and its messages' as "messages.key".
    """

    example: Example
    used: tuple[str, ...]
    unused: tuple[str, ...]


def example_of(record: Record) -> Read:
    """The example that a record holds.

    Raises:
        DataError: its keys are those of no shape, or a value is not what its key promises.
    """
    for shape in SHAPES.values():
        if shape.fits(record.fields):
            read = {name for names in shape.needs for name in names} | set(shape.takes)
            used = tuple(key for key in record.fields if key in read)
            unused = tuple(key for key in record.fields if key not in read)
            if shape.read is not segments:
                unused += tuple(
                    f"{key}.{name}" for key in used for name in unread(record.fields[key])
                )
            return Read(shape.read(record.fields, record.place), used, unused)
    raise DataError(
        f"{record.place}: found {keys(record.fields)}{_meant(record)}, expected {EXPECTED}"
    )


def _meant(record: Record) -> str:
    """What keys that no shape knows may be slips of; "" for nothing."""
    known = columns_known()
    slips = {key: get_close_matches(key, known, 1, 0.8) for key in record.fields}
    said = [f"{slip[0]!r} by {key!r}" for key, slip in slips.items() if slip and key not in known]
    return f" (did you mean {' and '.join(said)}?)" if said else ""


def mapped(record: Record, columns: Mapping[str, str]) -> Iterator[Record]:
    """The record under the names that the shapes know: one, or one for each element of the lists
    that a `*` stands for.

    Args:
        record: as read.
        columns: a shape's key -> the record's; dots lead into objects and, with numbers, lists,
            and `*` stands for each element of a list.

    Raises:
        DataError: the record has no such key, or no list where a `*` stands.
    """
    for opened, at in _each(record, columns):
        place = f"{record.place}: {at}" if at else record.place
        yield Record(
            {name: _found(record, place, name, path) for name, path in opened.items()}, place
        )


def _each(
    record: Record, columns: Mapping[str, str], at: str = ""
) -> Iterator[tuple[Mapping[str, str], str]]:
    """The columns with numbers in the place of each `*`, and the element that they lead into."""
    starred = [path.split(".") for path in columns.values() if EACH in path.split(".")]
    if not starred:
        yield columns, at
        return
    inside = ".".join(starred[0][: starred[0].index(EACH)])
    items = value_at(record.fields, inside)
    if not isinstance(items, list):
        raise DataError(f"{record.place}: {inside} is no list, expected one for a *")
    for number in range(len(items)):
        numbered = {
            name: f"{path}.".replace(f"{inside}.{EACH}.", f"{inside}.{number}.", 1)[:-1]
            for name, path in columns.items()
        }
        yield from _each(record, numbered, re.sub(r"\.(\d+)", r"[\1]", f"{inside}.{number}"))


def stars_apart(columns: Mapping[str, str]) -> list[str]:
    """Two columns whose `*` stand for elements of different lists, neither inside the other; empty
    where there are none.
    """
    lists = {path.rpartition(f".{EACH}")[0]: path for path in columns.values() if EACH in path}
    ordered = sorted(lists, key=len)
    for outer, inner in pairwise(ordered):
        if not inner.startswith(f"{outer}.{EACH}."):
            return [lists[outer], lists[inner]]
    return []


def _found(record: Record, place: str, name: str, path: str) -> object:
    """The value that a column names; "" for what a record need not have."""
    value = value_at(record.fields, path)
    if value is None and (name in INPUTS or name == "system"):
        return ""
    if value is None:
        raise DataError(
            f"{place}: data.columns.{name}={path} is missing, found {keys(record.fields)}"
        )
    return value


def value_at(fields: Mapping[str, object], path: str) -> object:
    """The value that a dotted path leads to; None for none, as records hold no nulls."""
    value: object = fields
    for step in [path] if path in fields else path.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return None
    return value


def columns_known() -> list[str]:
    """The keys that `data.columns` may map."""
    known: set[str] = set()
    for shape in SHAPES.values():
        known.update(shape.takes, *shape.needs)
    return sorted(known)
