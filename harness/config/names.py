"""The one rule for names that become folders: of masks, data sets, models and sweeps."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST = 64
"""Bytes of a name: three of them, numbers and a hash make a folder's name, which may have 255."""

_NAME = re.compile(r"\w[\w.,=+-]*")

SHORT = 32
"""Characters of a name that is made from a path."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def name_faults(key: str, name: str) -> list[str]:
    """A line where `name`, the value of `key`, cannot name a folder; nothing where it can."""
    if not _NAME.fullmatch(name):
        return [
            (
                f"{key}={name!r}: expected letters, digits and _ . , = + - alone, "
                "a letter, digit or _ first: it names a folder"
            )
        ]
    if len(name.encode()) > LONGEST:
        return [f"{key}={name!r}: {len(name.encode())} bytes, expected at most {LONGEST}"]
    return []


def folder_faults(key: str, path: str) -> list[str]:
    """A line where `path`, the value of `key`, cannot be the path of a folder."""
    if not path.strip():
        return [f"{key}={path!r}: expected the path of a folder"]
    if _CONTROL.search(path):
        return [f"{key}={path!r}: expected a path without control characters"]
    return []


def data_name(path: object) -> str:
    """A set's name from the path or paths of its files: "tasks" of "my/tasks.jsonl.gz"."""
    if isinstance(path, list):
        return "+".join(data_name(part) for part in path)[:LONGEST] or "file"
    stem = (
        Path(str(path).split(":")[1].split("@")[0]) if str(path)[:3] == "hf:" else Path(str(path))
    )
    name = re.sub(r"[^\w+-]+", "_", stem.name.lstrip(".").split(".")[0])
    return name.strip("+-_")[:SHORT] or "file"
