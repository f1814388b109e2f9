"""Inputs on their way to machines that do not see them: packed once by the launch, unpacked once a
machine, by the hash of their content.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.engine.locks import wait_for
from harness.run.inputs import Input

PART = 64 * 2**20
"""Bytes that travel at a time."""


class Parcel(NamedTuple):
    """An input, packed.

    Attributes:
        what: the input.
        parts: of each of its files, whatever stands for the pieces of its content.
    """

    what: Input
    parts: tuple[tuple[object, ...], ...]


def pack(what: Input, put: Callable[[bytes], object]) -> Parcel:
    """Pack an input; `put` gives what stands for a piece of it.

    Raises:
        OSError: a file is gone.
    """
    packed = []
    for each in what.files:
        with (what.folder / each.name).open("rb") as file:
            packed.append(tuple(put(part) for part in iter(lambda: file.read(PART), b"")))
    return Parcel(what, tuple(packed))


def unpack(parcel: Parcel, home: Path, fetch: Callable[[object], bytes]) -> Path:
    """Where the input lies on this machine, fetched unless it is there; what a config is to name.

    Args:
        parcel: the input.
        home: of all inputs on this machine.
        fetch: gives the content of a piece.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    folder = home / parcel.what.digest
    if not folder.is_dir():
        with wait_for(home / f"{parcel.what.digest}.lock"):
            if not folder.is_dir():
                partial = folder.with_suffix(f".{os.getpid()}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                for each, parts in zip(parcel.what.files, parcel.parts, strict=True):
                    path = partial / each.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("wb") as file:
                        for part in parts:
                            file.write(fetch(part))
                partial.replace(folder)
    return parcel.what.below(folder)
