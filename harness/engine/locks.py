"""Who works on which run: one lock file a run, which the kernel lets go when its owner dies.

The lock lies in the run's own folder, so that whoever tidies around the runs leaves it alone, and
whoever removes it removes the run with it. Even then two owners do not both write a result: an
owner looks again, before every note and before the result, whether the lock is still there and its
own. That also guards where a network file system grants one lock on two hosts.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

HIDDEN = ".sweep"
"""Folder inside a sweep's folder for all that belongs to no single run."""

LOCK = ".lock"
"""The lock file of a run's folder."""

LAUNCH_LOCK = "launch.lock"
"""The lock file that every launch of a sweep shares while it lasts."""

NOTE_BYTES = 512


class LockLost(RuntimeError):
    """Somebody removed a lock file, or took the lock where a file system grants it twice.

    Attributes:
        run: the name of the folder whose lock it was.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: its lock is gone or another's")
        self.run = folder.name


class Lock:
    """The right to work on a run, held until the `with` block ends or the process dies.

    The lock file stays: a file that is removed and made again would be two locks.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._owner = os.urandom(6).hex()
        self._noted = False

    def __enter__(self) -> Lock:
        """The lock itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self.release()

    def release(self) -> None:
        """Let go; once is enough."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def note(self, content: dict[str, Any]) -> None:
        """Leave word in the lock file of what the owner is at, for others to read.

        Raises:
            LockLost: as `check`.
            OSError: the disk is full.
        """
        self.check()
        self._noted = True
        text = json.dumps({**content, "owner": self._owner})
        # One write of constant length in place: a reader sees the old note or the new one.
        os.pwrite(self._descriptor, text.ljust(NOTE_BYTES).encode()[:NOTE_BYTES], 0)

    def check(self) -> None:
        """Make sure that the lock file is still in its place and, once noted in, still ours.

        Raises:
            LockLost: it is not, and nothing may be written for the run any more.
        """
        if not _in_place(self._path, self._descriptor) or (
            self._noted and _read_note(self._descriptor).get("owner") != self._owner
        ):
            raise LockLost(self._path.parent)


def lock(folder: Path) -> Lock | None:
    """Take the right to work on the run of `folder`; None where another process has it.

    Raises:
        OSError: the lock file cannot be written, or the file system knows no locks.
    """
    return _take(folder / LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_for(path: Path) -> Lock:
    """Take the lock of a lock file, waiting until another process lets go.

    Raises:
        OSError: as `lock`.
    """
    held = _take(path, fcntl.LOCK_EX)
    assert held is not None
    return held


@contextmanager
def under_way(sweeps: Sequence[Path]) -> Iterator[None]:
    """Show to others that sweeps are under way, whichever of their runs are at work.

    Raises:
        OSError: as `lock`.
    """
    with ExitStack() as stack:
        for sweep in sweeps:
            held = _take(sweep / HIDDEN / LAUNCH_LOCK, fcntl.LOCK_SH)
            assert held is not None
            stack.enter_context(held)
        yield


def is_under_way(sweep: Path) -> bool:
    """Whether a launch of a sweep is under way."""
    return _held(sweep / HIDDEN / LAUNCH_LOCK, fcntl.LOCK_EX) is not None


def owner_note(folder: Path) -> dict[str, Any] | None:
    """What the process that works on a run left word of; None where nobody does.

    Takes nothing away from that process.
    """
    note = _held(folder / LOCK, fcntl.LOCK_SH)
    if note is not None:
        note.pop("owner", None)
    return note


def _held(path: Path, how: int) -> dict[str, Any] | None:
    """The note in a lock file that another process holds against `how`; None where none does."""
    try:
        descriptor = os.open(path, os.O_RDWR if how == fcntl.LOCK_EX else os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_note(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _take(path: Path, how: int) -> Lock | None:
    """Open and lock a file, again where it was removed between the two."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            error.filename = str(path)  # which flock leaves out
            raise
        if _in_place(path, descriptor):
            return Lock(path, descriptor)
        os.close(descriptor)


def _in_place(path: Path, descriptor: int) -> bool:
    """Whether the file at `path` is the one that is open as `descriptor`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _read_note(descriptor: int) -> dict[str, Any]:
    """The note in a lock file; empty where nothing has been noted yet."""
    try:
        content = json.loads(os.pread(descriptor, NOTE_BYTES, 0))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
