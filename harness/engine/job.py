"""A run on its way through a launch, and the record that it leaves where it failed for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.attempt import Try, header
from harness.engine.locks import lock
from harness.records import LOG, Failure
from harness.run.identity import Cell, Stamp, write_failure

LOG_LINES = 60
"""Most lines of a dead worker's log that its failure record keeps."""

TOGETHER = 2
"""Times that a run may go down with its group before it is tried alone."""


@dataclass(slots=True, eq=False)
class Job:
    """A run that is to be carried out.

    Attributes:
        cell: the run.
        before: what its folder held at launch.
        label: what tells it from the other runs of its launch, beside its name; "" for nothing.
        attempt: the number of the next try, from 1.
        together: how often it went down with a group. Such a try counts for no run of the group,
            for nobody knows whose fault it was.
    """

    cell: Cell
    before: Stamp
    label: str = ""
    attempt: int = 1
    together: int = 0

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.cell.folder.name

    def next_try(self) -> Try:
        """What a worker is told of it."""
        return Try(self.cell, self.before, self.attempt)


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


def went_down(jobs: Sequence[Job]) -> list[list[Job]]:
    """The groups in which runs are tried again that went down together."""
    again: list[Job] = []
    alone: list[list[Job]] = []
    for job in jobs:
        job.together += 1
        if job.together < TOGETHER:
            again.append(job)
        else:
            alone.append([job])
    return [again, *alone] if again else alone


def record_failure(
    job: Job, error: str, trace: str = "", signal_name: str = "", *, outside: bool = False
) -> bool:
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
                run=job.name,
                identity=job.cell.identity,
                error=error,
                traceback=trace,
                signal=signal_name,
                attempts=job.attempt,
                cause="outside" if outside else "run",
            ),
        )
    return True


def log_of(job: Job) -> str:
    """The end of what the last try of a run wrote to its log."""
    try:
        text = (job.cell.folder / LOG).read_text("utf-8", errors="replace")
    except OSError:
        return ""
    _, begun, last = text.rpartition(header(job.attempt))
    return "\n".join((begun + last).splitlines()[-LOG_LINES:]) if begun else ""
