"""Values of records, checked: every fault is one line with place, key, what is there and what was
expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from harness.data.errors import DataError


def text(value: object, key: str, place: str) -> str:
    """The value, if it is a text that UTF-8 can spell.

    Raises:
        DataError: it is not.
    """
    if not isinstance(value, str):
        raise DataError(f"{place}: {key} is {kind(value)}, expected a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        lone = f"\\u{ord(value[error.start]):04x}"
        raise DataError(
            f"{place}: {key} holds {lone}, half of a character, expected a text"
        ) from None
    return value


def kind(value: object) -> str:
    """What a value is, in the words of JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value!r}"[:60]
    if isinstance(value, dict):
        return f"an object with {keys(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"of type {type(value).__name__}"


def keys(fields: Mapping[object, object] | Mapping[str, object]) -> str:
    """The keys of a record, as an error lists them."""
    names = [repr(str(key)[:40]) for key in fields]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more if names else "no keys"


def quoted(names: Iterable[str]) -> str:
    """Names in quotes with commas between them."""
    return ", ".join(map(repr, names))


def number(value: object, key: str, place: str) -> float:
    """The value as a weight: a finite number of 0 or more.

    Raises:
        DataError: it is none.
    """
    try:
        weight = float(value) if isinstance(value, (int, float)) else -1.0
    except OverflowError:
        weight = math.inf
    if isinstance(value, bool) or not 0 <= weight < math.inf:
        raise DataError(f"{place}: {key} is {_shown(value)}, expected a number of 0 or more")
    return weight


def truth(value: object, key: str, place: str) -> bool:
    """The value as true or false; 1 and 0 will do.

    Raises:
        DataError: it is none.
    """
    if value not in (True, False):
        raise DataError(f"{place}: {key} is {_shown(value)}, expected true or false")
    return bool(value)


def _shown(value: object) -> str:
    return repr(value)[:60] if isinstance(value, str) else kind(value)
