"""Runs that the launch claims for an actor that does not see its disk: locked, noted and written
here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from harness.engine.actor import Files, Task
from harness.engine.attempt import NOTE_EVERY, Message
from harness.engine.job import Job
from harness.engine.locks import Lock, LockLost, lock
from harness.records import CHECKPOINT, LOG, RESULT
from harness.records.storage import write_whole
from harness.run.identity import GOES_ON_FROM, clear_folder, settled


class Claim:
    """A run that this process has locked for an actor."""

    def __init__(self, job: Job, held: Lock, host: str, process: int) -> None:
        """Take over the lock, and say in it where the run is."""
        self._job = job
        self._held = held
        self._note = {"pid": process, "host": host, "started": time.time(), "attempt": job.attempt}
        self._noted = 0.0
        self.note("prepare", 0.0)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._job.cell.folder

    def task(self) -> Task:
        """What the actor is told.

        Raises:
            OSError: the folder cannot be read or written.
        """
        clear_folder(self.folder)
        kept: Files = {}
        if (self.folder / CHECKPOINT).exists():
            kept = {name: (self.folder / name).read_bytes() for name in GOES_ON_FROM}
        return Task(self._job.next_try(), kept)

    def note(self, phase: str, share: float) -> None:
        """Leave word of how far the run is, now and then.

        Raises:
            LockLost: somebody took the run away.
        """
        if time.monotonic() - self._noted > NOTE_EVERY:
            self._noted = time.monotonic()
            self._held.note({**self._note, "phase": phase, "share": share})

    def log(self, content: bytes) -> None:
        """Add to the run's log.

        Raises:
            OSError: the disk is full.
        """
        with (self.folder / LOG).open("ab") as file:
            file.write(content)

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write a checkpoint and what belongs to it, itself last.

        Raises:
            LockLost, OSError: as `end`.
        """
        self._held.check()
        for name in reversed(GOES_ON_FROM):
            write_whole(self.folder / name, files[name])

    def end(self, files: Mapping[str, bytes]) -> None:
        """Write what a run left, its result last.

        Raises:
            LockLost: somebody took the run away; nothing is written.
            OSError: the disk is full.
        """
        self._held.check()
        for name, content in files.items():
            if name != RESULT:
                path = self.folder / name
                if path.parent != self.folder:
                    path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        if RESULT in files:
            write_whole(self.folder / RESULT, files[RESULT])
            (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of the lock."""
        self._held.release()


def claim(job: Job, host: str, process: int) -> Claim | Message:
    """Lock a run for an actor, a process on a host; or tell why not, as a worker would."""
    folder, held = job.cell.folder, None
    try:
        held = lock(folder)
        if held is None:
            return Message("taken", job.name)
        if not settled(folder, job.before):
            return Claim(job, held, host, process)
        message = Message("settled", job.name)
    except LockLost:
        message = Message("taken", job.name)
    except OSError as error:
        message = unwritten(job.name, error)
    if held:
        held.release()
    return message


def unwritten(run: str, error: OSError) -> Message:
    """A run whose folder cannot be written."""
    return Message("broken", run, f"{type(error).__name__}: {error}", outside=True)
