"""Who works on which run: one lock file a run, which the kernel lets go when its owner dies."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

HIDDEN = ".sweep"
"""Folder inside a sweep's folder for all that belongs to no single run."""

NOTE_BYTES = 512


class Claim:
    """The right to work on a run, held until the `with` block ends or the process dies.

    The lock file stays: a file that is removed and made again would be two locks.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Claim:
        """The claim itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        os.close(self._descriptor)

    def note(self, content: dict[str, Any]) -> None:
        """Leave word in the lock file of what the owner is at, for others to read.

        Raises:
            OSError: the disk is full.
        """
        # One write of constant length in place: a reader sees the old note or the new one.
        os.pwrite(self._descriptor, json.dumps(content).ljust(NOTE_BYTES).encode()[:NOTE_BYTES], 0)


def lock_file(folder: Path) -> Path:
    """The lock file of a run's folder."""
    return folder.parent / HIDDEN / f"{folder.name}.lock"


def claim(folder: Path) -> Claim | None:
    """Take the right to work on the run of `folder`; None where another process has it.

    Raises:
        OSError: the lock file cannot be written, or the file system knows no locks.
    """
    path = lock_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return Claim(descriptor)


def wait_for(folder: Path) -> Claim:
    """As `claim`, but wait until the other process lets go."""
    path = lock_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return Claim(descriptor)


def owner_note(folder: Path) -> dict[str, Any] | None:
    """What the process that works on a run left word of; None where nobody does. Takes nothing away
    from it.
    """
    try:
        descriptor = os.open(lock_file(folder), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            content = json.loads(os.pread(descriptor, NOTE_BYTES, 0))
        except ValueError:  # claimed this instant, nothing noted yet
            content = {}
        return content if isinstance(content, dict) else {}
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None
