"""The parent of the workers: hands out runs, notices who died or hangs, tries again, records what
failed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from harness.engine.job import Job, Tally, log_of, record_failure
from harness.engine.view import View
from harness.engine.worker import DUMP_SIGNAL, Message, Task, work
from harness.run.identity import finished

BACKOFF = 1.0
"""Seconds before the second try of a run; doubled before each further one."""

LONGEST_BACKOFF = 60.0

LOOK_AGAIN = 1.0
"""Seconds until a run that another launch is at is looked at again."""

TICK = 0.25
"""Most seconds between two looks at clocks."""

DEAD_STARTS = 10
"""Workers in a row that may die before they are ready; more, and no run would ever start."""

START_LIMIT = 600.0
"""Seconds that a worker may take to be ready: imports from a slow disk, shared by many."""


class PoolError(RuntimeError):
    """No worker can be started: one line."""


@dataclass(slots=True)
class _Worker:
    """A process, the run it is at, and when it last gave a sign of life."""

    process: BaseProcess
    link: Connection
    ready: bool = False
    job: Job | None = None
    heard: float = field(default_factory=time.monotonic)


class Pool:
    """Workers on their places and the runs that wait for them."""

    def __init__(
        self,
        jobs: Sequence[Job],
        places: Sequence[str | None],
        retries: int,
        timeout: float,
        view: View,
    ) -> None:
        """Take the runs in the order in which they are to start; see `harness.config.launchers.Pool` for
        the limits.
        """
        self._queue = list(jobs)
        self._places = places
        self._workers: list[_Worker | None] = [None] * len(places)
        self._retries = retries
        self._timeout = timeout or float("inf")
        self._view = view
        self._dead_starts = 0
        self._stopping = self._said = False
        self.tally = Tally()

    def drain(self) -> Tally:
        """Carry out all runs.

        Raises:
            KeyboardInterrupt: after Ctrl-C, once the runs under way have ended; at once after a
                second, or SIGTERM.
            PoolError: no worker can be started.
        """
        with self._signals():
            try:
                while (self._queue and not self._stopping) or any(
                    worker and worker.job for worker in self._workers
                ):
                    if self._stopping:
                        self._say_so()
                    else:
                        self._start_missing()
                        self._hand_out()
                    self._listen()
                    self._end_hanging()
            finally:
                for worker in self._workers:
                    if worker:
                        worker.link.close()
                        worker.process.kill()
                        worker.process.join()
                self._view.stop()
        if self._queue:
            raise KeyboardInterrupt
        return self.tally

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Take Ctrl-C as the wish to stop, and again, or SIGTERM, as the wish to stop at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stopping or number == signal.SIGTERM:
                raise KeyboardInterrupt
            self._stopping = True  # said by the loop: to print here could interrupt a print

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _say_so(self) -> None:
        """Tell once that the launch is stopping."""
        if not self._said:
            self._said = True
            self._view.say(
                "stopping once the runs under way have ended; Ctrl-C again stops at once"
            )

    def _start_missing(self) -> None:
        """Start workers on empty places, as far as there are runs for them."""
        free = sum(worker is not None and worker.job is None for worker in self._workers)
        for place, worker in enumerate(self._workers):
            if worker is None and free < len(self._queue):
                self._workers[place] = _start(self._places[place])
                free += 1

    def _hand_out(self) -> None:
        """Give every idle worker the first run that may be tried now."""
        now = time.monotonic()
        for place, worker in enumerate(self._workers):
            if worker is None or worker.job or not worker.ready:
                continue
            job = next((job for job in self._queue if job.ready <= now), None)
            if job is None:
                return
            try:
                worker.link.send(Task(job.cell, job.before, job.attempt))
            except OSError:  # killed while idle; the run has lost nothing
                self._bury(place)
                continue
            self._queue.remove(job)
            worker.job, worker.heard = job, now
            self._view.begin(place, job.cell)

    def _listen(self) -> None:
        """Take in what workers say, waiting a tick for it."""
        links = {worker.link: place for place, worker in enumerate(self._workers) if worker}
        for link in wait(list(links), TICK):
            place = links[link]  # type: ignore[index]
            worker = self._workers[place]
            assert worker is not None
            try:
                message: Message = worker.link.recv()
            except (EOFError, OSError):
                self._died(place, worker)
                continue
            worker.heard = time.monotonic()
            if message.kind == "ready":
                worker.ready, self._dead_starts = True, 0
            elif message.kind == "progress":
                self._view.progress(place, message.text, message.share)
            else:
                self._ended(place, worker, message)

    def _ended(self, place: int, worker: _Worker, message: Message) -> None:
        """A worker is done with its run, in whatever way."""
        job = worker.job
        assert job is not None
        worker.job = None
        self._view.end(place)
        if message.kind == "broken":
            self._bury(place)
            self._try_again(job, message.text, message.trace, "")
        elif message.kind == "failed":
            self._fail(job, message.text, message.trace, "")
        elif message.kind == "taken":
            self._put_back(job, LOOK_AGAIN)
        elif message.kind == "settled":
            done = finished(job.cell.folder)
            self.tally.elsewhere += done
            self.tally.failed += not done
            self._view.settled(job.cell, f"{'finished' if done else 'failed'} in another launch")
        else:
            self.tally.finished += 1
            self._view.finished(job.cell, message.text)

    def _died(self, place: int, worker: _Worker) -> None:
        """A worker is gone without a word."""
        worker.process.join()
        code = worker.process.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else ""
        how = f"was killed by {name}" if name else f"exited with code {code}"
        job = worker.job
        self._bury(place)
        if job:
            self._view.end(place)
            self._try_again(job, f"the worker {how}", log_of(job), name)
        elif not worker.ready:
            self._dead_starts += 1
            if self._dead_starts > DEAD_STARTS:
                raise PoolError(
                    f"{self._dead_starts} workers in a row died before their first run: the last {how}"
                )

    def _end_hanging(self) -> None:
        """Kill workers that have given no sign of life for too long."""
        now = time.monotonic()
        for place, worker in enumerate(self._workers):
            if worker is None or (worker.ready and not worker.job):
                continue
            if now - worker.heard <= (self._timeout if worker.ready else START_LIMIT):
                continue
            job = worker.job
            if not job:
                worker.process.kill()  # its link closes, which is dealt with as for any dead worker
                continue
            if worker.process.pid:
                os.kill(worker.process.pid, DUMP_SIGNAL)
                worker.process.join(TICK)  # time to write down where it hangs
            self._bury(place)
            self._view.end(place)
            text = f"no progress for {self._timeout:g} s (hydra.launcher.timeout); the worker was killed"
            self._try_again(job, text, log_of(job), "SIGKILL")

    def _bury(self, place: int) -> None:
        worker = self._workers[place]
        assert worker is not None
        worker.process.kill()
        worker.process.join()
        worker.link.close()
        self._workers[place] = None

    def _try_again(self, job: Job, error: str, trace: str, signal_name: str) -> None:
        """Put a run back that may succeed another time; after the last try it has failed."""
        if job.attempt > self._retries:
            self._fail(job, error, trace, signal_name)
            return
        pause = min(LONGEST_BACKOFF, BACKOFF * 2 ** (job.attempt - 1))
        self._view.say(
            f"{job.cell.folder.name}: try {job.attempt} of {self._retries + 1}: {error}; again in {pause:g} s"
        )
        job.attempt += 1
        self._put_back(job, pause)

    def _put_back(self, job: Job, pause: float) -> None:
        job.ready = time.monotonic() + pause
        self._queue.append(job)

    def _fail(self, job: Job, error: str, trace: str, signal_name: str) -> None:
        """Record that a run failed for good, unless another launch has begun it anew."""
        try:
            if not record_failure(job, error, trace, signal_name):
                self._put_back(job, LOOK_AGAIN)
                return
        except OSError as problem:
            self._view.say(f"{job.cell.folder.name}: its failure cannot be recorded: {problem}")
        self.tally.failed += 1
        self._view.failed(job.cell, error)


def _start(gpu: str | None) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, gpu), daemon=True)
    resource_tracker.ensure_running()  # by itself it starts with the first process, and unblocks SIGINT again
    # Ctrl-C reaches the whole group: a worker inherits that it does not listen, even while it still
    # imports.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Worker(process, ours)
