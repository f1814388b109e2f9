"""What every format yields: records with the place that they were read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from harness.data.formats.stream import Stream


class Record(NamedTuple):
    """One record of a file, not yet understood.

    Attributes:
        fields: key -> value, as JSON knows values; keys whose value is null are left out.
        place: where it stands, as errors name it: "a.jsonl:3", or "a.parquet: row 3".
    """

    fields: Mapping[str, object]
    place: str


Format = Callable[[Stream], Iterator[Record]]
"""Reads the records of one file.

Raises `DataError` with the place of the first fault.
"""


def without_nulls(value: object) -> object:
    """The value without keys whose value is null, at any depth: a table fills absent keys with
    them.
    """
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
