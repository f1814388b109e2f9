"""The one rule for names that become folders: of masks, data sets, models and sweeps."""

from __future__ import annotations

import re

LONGEST = 64
"""Bytes of a name: three of them, numbers and a hash make a folder's name, which may have 255."""

_NAME = re.compile(r"\w[\w.,=+-]*")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def name_faults(key: str, name: str) -> list[str]:
    """A line where `name`, the value of `key`, cannot name a folder; nothing where it can."""
    if not _NAME.fullmatch(name):
        return [
            f"{key}={name!r}: expected letters, digits and _ . , = + - alone, a letter, digit or _ "
            "first: it names a folder"
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
