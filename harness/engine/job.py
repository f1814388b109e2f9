"""A run on its way through a launch, and the record that it leaves where it failed for good."""

from __future__ import annotations

from dataclasses import dataclass

from harness.engine.locks import lock
from harness.engine.worker import header
from harness.records import LOG, Failure
from harness.run.identity import Cell, Stamp, write_failure

LOG_LINES = 60
"""Most lines of a dead worker's log that its failure record keeps."""


@dataclass(slots=True)
class Job:
    """A run that is to be carried out.

    Attributes:
        cell: the run.
        before: what its folder held at launch.
        attempt: the number of the next try, from 1.
        ready: when it may be tried, on the monotonic clock.
    """

    cell: Cell
    before: Stamp
    attempt: int = 1
    ready: float = 0.0


@dataclass(slots=True)
class Tally:
    """How many runs ended how.

    Attributes:
        finished: by this launch.
        elsewhere: finished by another launch meanwhile.
        failed: for good, by this launch or another.
    """

    finished: int = 0
    elsewhere: int = 0
    failed: int = 0


def record_failure(job: Job, error: str, trace: str, signal_name: str) -> bool:
    """Record that a run failed for good; False where another launch has begun it anew.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = job.cell.folder
    held = lock(folder)
    if held is None:
        return False
    with held:
        write_failure(
            folder,
            Failure(
                run=folder.name,
                identity=job.cell.identity,
                error=error,
                traceback=trace,
                signal=signal_name,
                attempts=job.attempt,
            ),
        )
    return True


def log_of(job: Job) -> str:
    """The end of what the last try of a run wrote to its log."""
    try:
        text = (job.cell.folder / LOG).read_text("utf-8", errors="replace")
    except OSError:
        return ""
    _, found, last = text.rpartition(header(job.attempt))
    return "\n".join((found + last).splitlines()[-LOG_LINES:]) if found else ""
