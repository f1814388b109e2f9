"""Files for cases: each function gives what makes one."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.case import Make

BOMB_MEMBER = 32 << 20
"""Bytes that one member of a gzip bomb unpacks to."""


def text(name: str, content: str) -> Make:
    """A file of text; lone surrogates stand for bytes that are no UTF-8."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogateescape"))

    return make


def data(name: str, content: bytes) -> Make:
    """A file of bytes."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return make


def records(name: str, *lines: object, good: int = 10) -> Make:
    """A file of `good` sound records, and then `lines`: text as it is, other values as JSON."""
    sound = [{"instruction": f"Say {n}.", "input": "", "output": str(n)} for n in range(good)]
    return text(name, "".join(map(_line, [*sound, *lines])))


def _line(value: object) -> str:
    return (value if isinstance(value, str) else json.dumps(value)) + "\n"


def chat(*roles: str) -> dict[str, Any]:
    """A record of messages by these roles."""
    return {"messages": [{"role": role, "content": "Hello."} for role in roles]}


def repeated(name: str, head: str, unit: str, times: int, tail: str = "") -> Make:
    """A file of text in which a part stands many times, made when it is needed."""
    return lambda folder: text(name, head + unit * times + tail)(folder)


def bomb(name: str, gigabytes: int, byte: bytes = b" ") -> Make:
    """A small gzip file that unpacks to gigabytes of one byte."""

    def make(folder: Path) -> None:
        member = gzip.compress(byte * BOMB_MEMBER, 9)
        (folder / name).write_bytes(member * (gigabytes * (1 << 30) // BOMB_MEMBER))

    return make


def sparse(name: str, gigabytes: int) -> Make:
    """A file of gigabytes of zeros that takes no room."""

    def make(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(gigabytes << 30)

    return make


def fifo(name: str) -> Make:
    """A named pipe that nobody writes to."""
    return lambda folder: os.mkfifo(folder / name)


def link(name: str, target: str) -> Make:
    """A symbolic link."""
    return lambda folder: (folder / name).symlink_to(target)


def directory(name: str) -> Make:
    """An empty folder."""
    return lambda folder: (folder / name).mkdir(parents=True)


def locked(name: str) -> Make:
    """Take all rights from a file or folder."""
    return lambda folder: (folder / name).chmod(0)


def removed(pattern: str) -> Make:
    """Remove the files that match."""

    def make(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.unlink()

    return make


def torn(pattern: str) -> Make:
    """Leave no more of the files that match than a brace."""

    def make(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.write_text("{")

    return make


def several(*makes: Make) -> Make:
    """One after another."""

    def make(folder: Path) -> None:
        for each in makes:
            each(folder)

    return make


def edited(name: str, change: Callable[[bytes], bytes]) -> Make:
    """A file that is there already, changed."""

    def make(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return make


def nested(depth: int) -> str:
    """JSON of so many arrays in each other."""
    return "[" * depth + "]" * depth
