"""A worker as its parent sees it: a process, the link to it, and the runs it is at."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from harness.engine.early import take
from harness.engine.job import Job
from harness.engine.worker import DUMP_SIGNAL

DUMP_TIME = 0.25
"""Seconds that a hanging worker gets to write down where it hangs."""


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process.

    Attributes:
        process: the process.
        link: to it.
        ready: whether its imports are done.
        jobs: name -> run of its group that has not ended.
        busy: whether it is at a group, or has not said yet that it no longer is.
        spoilt: whether a run broke in it, after which its state is not to be trusted.
        heard: when it last gave a sign of life, on the monotonic clock.
    """

    process: BaseProcess
    link: Connection
    ready: bool = False
    jobs: dict[str, Job] = field(default_factory=dict)
    busy: bool = False
    spoilt: bool = False
    heard: float = field(default_factory=time.monotonic)

    def give(self, jobs: list[Job]) -> bool:
        """Hand over a group; False where the process is dead, and nothing is lost."""
        try:
            self.link.send([job.next_try() for job in jobs])
        except OSError:
            return False
        self.jobs, self.heard = {job.name: job for job in jobs}, time.monotonic()
        self.busy = True
        return True

    def take_jobs(self) -> list[Job]:
        """The runs that have not ended, which it is at no more."""
        jobs = list(self.jobs.values())
        self.jobs = {}
        return jobs

    def dump(self) -> None:
        """Have it write down where it hangs, into its run's log."""
        if self.process.pid:
            os.kill(self.process.pid, DUMP_SIGNAL)
            self.process.join(DUMP_TIME)

    def end(self) -> None:
        """Kill it and give back what it took of this process."""
        self.link.close()
        self.process.kill()
        self.process.join()

    def how_it_died(self) -> tuple[str, str]:
        """In words, and the name of the signal that killed it, "" where none did."""
        self.process.join()
        return how_it_died(self.process.exitcode or 0)


def how_it_died(code: int) -> tuple[str, str]:
    """A process's exit code in words, and the name of the signal that killed it, "" for none."""
    name = signal.Signals(-code).name if code < 0 else ""
    return (f"was killed by {name}" if name else f"exited with code {code}"), name


def start(gpu: str | None) -> Worker:
    """Start a worker on a GPU, as `CUDA_VISIBLE_DEVICES` calls it; None for the CPU."""
    spawned = take(gpu)
    return Worker(spawned.process, spawned.link)
