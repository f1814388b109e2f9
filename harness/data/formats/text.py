"""JSON, a record a line or all in one array, and comma-separated values."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import NoReturn

from harness.data.errors import DataError
from harness.data.formats.record import Record, without_nulls
from harness.data.formats.stream import BOM, LONGEST_LINE, Stream, text_of
from harness.data.values import kind

SPACE = re.compile(r"[ \t\r\n]*")
DELIMITERS = (",", ";", "\t")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)


def json_lines(stream: Stream) -> Iterator[Record]:
    """A JSON object on every line; blank lines are passed over.

    Raises:
        DataError: a line is not a JSON object.
    """
    for number, line in stream.lines():
        if not line.strip():
            continue
        place = f"{stream.path}:{number}"
        text = text_of(line, place).strip()
        value, end = _decode(text, 0, place)
        if end != len(text):
            raise DataError(f"{place}: text after the JSON value, expected one record a line")
        yield _record(value, place)


def json_file(stream: Stream) -> Iterator[Record]:
    """An array of objects, an object whose only list holds them, or an object on every line.

    Raises:
        DataError: it is none of these.
    """
    opening = next(stream.chunks(), b"").removeprefix(BOM).lstrip()
    if opening.startswith(b"["):
        yield from _array(stream)
    elif opening.startswith(b"{") and not (_goes_on(stream) and _is_whole(opening.split(b"\n")[0])):
        yield from _wrapped(stream)
    else:
        yield from json_lines(stream)


def _goes_on(stream: Stream) -> bool:
    """Whether something follows the first line."""
    begun = ended = False
    for chunk in stream.chunks():
        text = chunk if begun else chunk.lstrip()
        begun = begun or bool(text)
        rest = text if ended else text.partition(b"\n")[2]
        ended = ended or b"\n" in text
        if rest.strip():
            return True
    return False


def _is_whole(line: bytes) -> bool:
    """Whether a line is a JSON value, or broken in itself rather than for its end."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos < len(line.decode(errors="replace").rstrip())
    except (ValueError, RecursionError):
        return True
    return True


def _array(stream: Stream) -> Iterator[Record]:
    """The elements of an array, one by one, so that each has its line."""
    text = text_of(stream.whole(), str(stream.path))
    line, counted = 1, 0
    position = _after_space(text, text.index("[") + 1)
    mark = "]" if text.startswith("]", position) else ","
    while mark == ",":
        line, counted = line + text.count("\n", counted, position), position
        value, position = _decode(text, position, f"{stream.path}:{line}")
        yield _record(value, f"{stream.path}:{line}")
        position = _after_space(text, position)
        mark = text[position : position + 1]
        if mark not in (",", "]") or not mark:
            line += text.count("\n", counted, position)
            raise DataError(f"{stream.path}:{line}: not JSON (expected , or ] in the array)")
        position = _after_space(text, position + 1) if mark == "," else position
    if _after_space(text, position + 1) < len(text):
        raise DataError(f"{stream.path}: text after the array, expected its end")


def _wrapped(stream: Stream) -> Iterator[Record]:
    """One object over many lines: a record, or the wrapper of a list of records."""
    place = f"{stream.path}:1"
    text = text_of(stream.whole(), str(stream.path)).strip()
    value, end = _decode(text, 0, place)
    if end != len(text):
        raise DataError(f"{place}: text after the JSON value, expected an array or a record a line")
    lists = [
        (key, part)
        for key, part in (value.items() if isinstance(value, dict) else ())
        if isinstance(part, list) and part and all(isinstance(item, dict) for item in part)
    ]
    if len(lists) != 1 or lists[0][0] in ("messages", "conversations", "segments"):
        yield _record(value, place)
        return
    ((key, items),) = lists
    for number, item in enumerate(items):
        yield _record(item, f"{stream.path}: {key}[{number}]")


def _decode(text: str, position: int, place: str) -> tuple[object, int]:
    """The JSON value at a position of the text, and where it ends."""
    try:
        return DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON ({error.msg})") from None
    except RecursionError:
        raise DataError(f"{place}: nested too deep, expected a record") from None
    except ValueError as error:  # NaN and its like, or a number of thousands of digits
        raise DataError(f"{place}: {str(error).split(';')[0]}, expected a record") from None


def _after_space(text: str, position: int) -> int:
    match = SPACE.match(text, position)
    assert match is not None  # the pattern fits nothing too
    return match.end()


def _record(value: object, place: str) -> Record:
    if not isinstance(value, dict):
        raise DataError(f"{place}: {kind(value)}, expected an object with keys and values")
    try:
        fields = without_nulls(value)
    except RecursionError:
        raise DataError(f"{place}: nested too deep, expected a record") from None
    assert isinstance(fields, dict)
    return Record(fields, place)


def comma_separated(stream: Stream) -> Iterator[Record]:
    """A table whose first row names the columns; commas, semicolons or tabs part them.

    A cell that opens like a JSON list is read as one, so that tables can hold messages.

    Raises:
        DataError: a row has more or fewer cells than the first, or a quote is not closed.
    """
    csv.field_size_limit(LONGEST_LINE)
    opening = next(stream.lines(), None)
    if opening is None:
        return
    head = text_of(opening[1], f"{stream.path}:{opening[0]}")
    delimiter = max(DELIMITERS, key=head.count)
    lines = (text_of(line, f"{stream.path}:{number}") + "\n" for number, line in stream.lines())
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    begin = 1
    names: list[str] = []
    try:
        for row in rows:
            place, begin = f"{stream.path}:{begin}", rows.line_num + 1
            if not names:
                names = [name.strip() for name in row]
            elif any(cell.strip() for cell in row):
                yield _row(names, row, place)
    except csv.Error as error:
        raise DataError(f"{stream.path}:{rows.line_num}: {error}, expected a row") from None


def _row(names: list[str], row: list[str], place: str) -> Record:
    if len(row) != len(names):
        raise DataError(
            f"{place}: {len(row)} cells, expected {len(names)}: {', '.join(map(repr, names))}"
        )
    fields: dict[str, object] = {}
    for name, cell in zip(names, row, strict=True):
        is_list = cell.lstrip().startswith("[{")
        fields[name] = _decode(cell.strip(), 0, f"{place}: {name}")[0] if is_list else cell
    return Record(fields, place)
