"""Records to and from JSON files: written atomically, read with faults of one line. Imports no
torch.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError


class RecordError(ValueError):
    """A record file cannot be read: one line with the file, the line and what was expected."""


Record = TypeVar("Record")


_adapters: dict[type, TypeAdapter[Any]] = {}  # making one costs more than reading a file


def _adapter(kind: type[Record]) -> TypeAdapter[Record]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def write_json(path: Path, record: object) -> None:
    """Write a record or mapping to `path` atomically: readers see the old file, or the new one
    whole.

    Raises:
        ValueError: a number is not finite (JSON has none); nothing is written.
        OSError: the disk is full or the folder cannot be written.
    """
    if path.exists() and not path.is_file():  # a device would be replaced like a file
        raise OSError(errno.EEXIST, "is no regular file", str(path))
    content = record if isinstance(record, Mapping) else asdict(record)  # type: ignore[call-overload]  # a dataclass
    write_whole(path, _text(content, str(path), indent=2).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: readers see the old one, or the new one whole.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with naming(path), partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name into the OSError of a write that failed, which leaves it out."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def append(file: IO[str], record: object) -> None:
    """Append a record to an open JSONL file as one line, and flush it.

    Raises:
        ValueError: a number is not finite.
        OSError: the disk is full.
    """
    file.write(_text(asdict(record), file.name))  # type: ignore[call-overload]  # a dataclass
    file.flush()


def _text(content: Mapping[str, Any], place: str, indent: int | None = None) -> str:
    try:
        return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        key = _not_finite(content)
        raise ValueError(f"{place}: {key or error}: expected a finite number") from None


def _not_finite(value: Any, key: str = "") -> str:
    """The dotted key of the first number in nested mappings and lists that is not finite."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{key} is {value}"
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    places = (_not_finite(item, f"{key}.{name}" if key else str(name)) for name, item in items)
    return next(filter(None, places), "")


def read_json(path: Path, kind: type[Record]) -> Record:
    """Read one record of type `kind`.

    Raises:
        RecordError: the file is missing, is not JSON or misses a field; one line that names the
            file.
    """
    try:
        return _adapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        raise RecordError(f"{path}: {_first(error)}") from None


def read_jsonl(path: Path, kind: type[Record]) -> Iterator[Record]:
    """Yield the records of a JSONL file.

    Raises:
        RecordError: the file is missing or a line is not a whole record; one line that names file
            and line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield _adapter(kind).validate_json(line)
                except ValidationError as error:
                    raise RecordError(f"{path}:{number}: {_first(error)}") from None
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None


def _first(error: ValidationError) -> str:
    """The first fault of a validation error, in one line."""
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])
