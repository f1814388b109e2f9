"""Workers as their parent sees them, however they are started: processes of this machine, or actors
of a cluster.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.engine.attempt import Message
from harness.engine.job import Job


@dataclass(slots=True, eq=False, kw_only=True)
class Worker(ABC):
    """A worker.

    Attributes:
        ready: whether its imports are done.
        jobs: name -> run of its group that has not ended.
        busy: whether it is at a group, or has not said yet that it no longer is.
        spoilt: whether a run broke in it, after which its state is not to be trusted.
        heard: when it last gave a sign of life, on the monotonic clock.
    """

    ready: bool = False
    jobs: dict[str, Job] = field(default_factory=dict)
    busy: bool = False
    spoilt: bool = False
    heard: float = field(default_factory=time.monotonic)

    def give(self, jobs: list[Job]) -> bool:
        """Hand over a group; False where the worker is dead, and nothing is lost."""
        if not self.send(jobs):
            return False
        self.jobs, self.heard = {job.name: job for job in jobs}, time.monotonic()
        self.busy = True
        return True

    def take_jobs(self) -> list[Job]:
        """The runs that have not ended, which it is at no more."""
        jobs = list(self.jobs.values())
        self.jobs = {}
        return jobs

    @abstractmethod
    def send(self, jobs: Sequence[Job]) -> bool:
        """Have it begin a group; False where it is dead."""

    @abstractmethod
    def dump(self) -> None:
        """Have it write down where it hangs, into its run's log."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it, which is noticed as at any other death."""

    @abstractmethod
    def end(self) -> None:
        """Kill it and give back what it took of this process."""

    @abstractmethod
    def how_it_died(self) -> tuple[str, str]:
        """In words, and the name of the signal that killed it, "" where none is known."""


class Crew(Protocol):
    """What starts workers and hears of them.

    Attributes:
        start_limit: seconds that a worker may take to be ready.
    """

    start_limit: float

    def places(self) -> Collection[int]:
        """The places that a worker may have now; a place that is gone does not come back."""

    def start(self, place: int) -> Worker:
        """Start a worker on a place."""

    def listen(
        self, workers: Collection[Worker], seconds: float
    ) -> Iterator[tuple[Worker, Message | None]]:
        """What workers say, waiting so long for it; None from one that is dead."""
