"""Settings as Python has them, in the words of the command line: one reader checks both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.config.command_line import Grammar, grammar, in_quotes
from harness.config.schema import Run
from harness.config.search import GROUPS

PATHS = {"data": ("data.path", ()), "model": ("model.path", ("model=hf",))}
"""Group that may be given as a path -> the key that takes it, and what it needs beside."""


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """`KEY=VALUE` for each setting.

    Args:
        settings: key -> value. A mapping holds keys of a group, or entries of a key that takes
            some; a list is swept over, unless the key itself takes a list; the name of an option
            stays as it is; what has a slash or a dot in it, or is a `Path`, is one for data and
            model.
    """
    found: list[str] = []
    for key, value in settings.items():
        found += _of(key, value)
    return found


def _of(key: str, value: Any) -> Iterator[str]:
    known = _known()
    if key in PATHS and _is_path(value):
        own, beside = PATHS[key]
        yield from beside
        paths = value if isinstance(value, list | tuple) else [value]
        yield f"{own}={','.join(in_quotes(str(path)) for path in paths)}"
    elif isinstance(value, Mapping) and key not in known.entries:
        if key in PATHS and "path" in value:
            yield from PATHS[key][1]
        for name, inner in value.items():
            yield from _of(f"{key}.{name}", inner)
    else:
        yield f"{key}={_swept(value, known, key)}"


@cache
def _known() -> Grammar:
    return grammar(Run)


def _is_path(value: Any) -> bool:
    """Whether a value, or the first of several, is a path and no option's name."""
    if isinstance(value, list | tuple):
        return bool(value) and _is_path(value[0])
    return isinstance(value, Path) or (isinstance(value, str) and ("/" in value or "." in value))


def _swept(value: Any, known: Grammar, key: str) -> str:
    """One value, or those that a sweep goes over."""
    if isinstance(value, Mapping | str | Path) or not isinstance(value, Iterable):
        return _spelled(value, key)
    values = list(value)
    if key in known.lists and not any(isinstance(each, list | tuple) for each in values):
        return _spelled(values, key)
    return ",".join(_spelled(each, key) for each in values)


def _spelled(value: Any, key: str) -> str:
    """A value in Hydra's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_spelled(each, key)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(_spelled(each, key) for each in value)}]"
    if isinstance(value, str | Path):
        return str(value) if key in GROUPS else in_quotes(str(value))
    return str(value)
