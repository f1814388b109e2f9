"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import cast

from harness.engine.attempt import Message
from harness.engine.crew import Worker
from harness.engine.early import take
from harness.engine.job import Job
from harness.engine.worker import DUMP_SIGNAL

DUMP_TIME = 0.25
"""Seconds that a hanging worker gets to write down where it hangs."""

START_LIMIT = 600.0
"""Seconds that a worker may take to be ready: imports from a slow disk, shared by many."""


@dataclass(slots=True, eq=False, kw_only=True)
class Process(Worker):
    """A worker process.

    Attributes:
        process: the process.
        link: to it.
    """

    process: BaseProcess
    link: Connection

    def send(self, jobs: Sequence[Job]) -> bool:
        """Have it begin a group; False where it is dead."""
        try:
            self.link.send([job.next_try() for job in jobs])
        except OSError:
            return False
        return True

    def dump(self) -> None:
        """Have it write down where it hangs, into its run's log."""
        if self.process.pid:
            os.kill(self.process.pid, DUMP_SIGNAL)
            self.process.join(DUMP_TIME)

    def kill(self) -> None:
        """Kill it; its link closes."""
        self.process.kill()

    def end(self) -> None:
        """Kill it and give back what it took of this process."""
        self.link.close()
        self.process.kill()
        self.process.join()

    def how_it_died(self) -> tuple[str, str]:
        """In words, and the name of the signal that killed it, "" where none did."""
        self.process.join()
        said, name = how_it_died(self.process.exitcode or 0)
        return f"the worker {said}", name


class Processes:
    """Worker processes on their GPUs.

    Attributes:
        start_limit: seconds that one may take to be ready.
    """

    start_limit = START_LIMIT

    def __init__(self, gpus: Sequence[str | None]) -> None:
        """Take the GPU of each, as `CUDA_VISIBLE_DEVICES` calls it; None for the CPU."""
        self._gpus = gpus

    def places(self) -> Collection[int]:
        """One for each GPU named."""
        return range(len(self._gpus))

    def start(self, place: int) -> Worker:
        """Start a process, or take one that was started early."""
        spawned = take(self._gpus[place])
        return Process(process=spawned.process, link=spawned.link)

    def listen(
        self, workers: Collection[Worker], seconds: float
    ) -> Iterator[tuple[Worker, Message | None]]:
        """A message of each that has one; None from one that is dead."""
        links = {worker.link: worker for worker in workers if isinstance(worker, Process)}
        for link in wait(list(links), seconds):
            worker = links[cast("Connection", link)]
            try:
                yield worker, worker.link.recv()
            except (EOFError, OSError):
                yield worker, None


def how_it_died(code: int) -> tuple[str, str]:
    """A process's exit code in words, and the name of the signal that killed it, "" for none."""
    name = signal.Signals(-code).name if code < 0 else ""
    return (f"was killed by {name}" if name else f"exited with code {code}"), name
