"""The parent of the workers: hands out groups of runs, notices who died or hangs, tries again,
records what failed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from harness.engine.attempt import Message
from harness.engine.crew import Crew, Worker
from harness.engine.job import Job, Tally, log_of, record_failure, went_down
from harness.engine.launchers import LaunchError
from harness.engine.queue import Group, Queue
from harness.engine.view import View
from harness.run.identity import finished

BACKOFF = 1.0
"""Seconds before the second try of a run; doubled before each further one."""

LONGEST_BACKOFF = 60.0

LOOK_AGAIN = 1.0
"""Seconds until a run that another launch is at is looked at again."""

TICK = 0.25
"""Most seconds between two looks at clocks."""

DEAD_STARTS = 10
"""Workers in a row that may die before they are ready, or two for each place where there are many;
more, and no run would ever start.
"""


class Pool:
    """Workers on their places and the groups of runs that wait for them."""

    def __init__(
        self,
        groups: Iterable[Group],
        crew: Crew,
        retries: int,
        timeout: float,
        view: View,
    ) -> None:
        """Take the groups in the order in which they are to start.

        Args:
            groups: runs that a worker carries out together.
            crew: what starts workers.
            retries: as in `harness.config.launchers.Pool`.
            timeout: likewise.
            view: where progress is shown.
        """
        self._queue = Queue(groups)
        self._crew = crew
        self._workers: dict[int, Worker] = {}
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
            LaunchError: no worker can be started.
        """
        with self._signals():
            try:
                while (self._queue and not self._stopping) or any(
                    worker.busy for worker in self._workers.values()
                ):
                    if self._stopping:
                        self._say_so()
                    else:
                        self._start_missing()
                        self._hand_out()
                    self._listen()
                    self._end_hanging()
            finally:
                for worker in self._workers.values():
                    worker.end()
                self._view.stop()
        if self._queue:
            raise KeyboardInterrupt
        return self.tally

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Take Ctrl-C as the wish to stop, and again, or SIGTERM, as the wish to stop at once."""

        def stop(number: int, _frame: FrameType | None) -> None:
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
        """Start workers on empty places, as far as there are groups for them."""
        free = sum(not worker.busy for worker in self._workers.values())
        for place in self._crew.places():
            if place not in self._workers and free < len(self._queue):
                self._workers[place] = self._crew.start(place)
                free += 1

    def _hand_out(self) -> None:
        """Give every idle worker the first group that may be tried now."""
        for place, worker in list(self._workers.items()):
            if worker.busy or not worker.ready:
                continue
            group = self._queue.take()
            if group is None:
                return
            if worker.give(group):
                self._view.begin(place, group)
            else:  # killed while idle
                self._queue.put(group)
                self._bury(place)

    def _listen(self) -> None:
        """Take in what workers say, waiting a tick for it."""
        places = {worker: place for place, worker in self._workers.items()}
        for worker, message in self._crew.listen(places, TICK):
            place = places[worker]
            if message is None:
                self._died(place, worker)
                continue
            worker.heard = time.monotonic()
            if message.kind == "ready":
                worker.ready, self._dead_starts = True, 0
            elif message.kind == "progress":
                self._view.progress(place, message.run, message.text, message.share)
            elif message.kind == "idle":
                self._idle(place, worker)
            elif message.kind == "down":
                worker.spoilt = True
                self._went_down(worker, message.text, "")
            elif message.kind == "narrow":
                worker.spoilt = True
                self._halve(worker, message.text)
            else:
                self._ended(place, worker, message)

    def _ended(self, place: int, worker: Worker, message: Message) -> None:
        """A run has ended, in whatever way."""
        job = worker.jobs.pop(message.run)
        self._view.end(place, job)
        if message.kind == "broken":
            worker.spoilt = True
            self._try_again(job, message)
        elif message.kind == "failed":
            self._fail(job, message)
        elif message.kind == "taken":
            self._queue.put([job], LOOK_AGAIN)
        elif message.kind == "settled":
            done = finished(job.cell.folder)
            self.tally.elsewhere += done
            self.tally.failed += not done
            self._view.settled(job, f"{'finished' if done else 'failed'} meanwhile")
        else:
            self.tally.finished += 1
            self._view.finished(job, message.text)

    def _idle(self, place: int, worker: Worker) -> None:
        """A worker is done with its group; runs of which it did not tell are put back."""
        self._view.idle(place)
        worker.busy = False
        if worker.jobs:
            self._queue.put(worker.take_jobs())
        if worker.spoilt:
            self._bury(place)

    def _died(self, place: int, worker: Worker) -> None:
        """A worker is gone without a word."""
        how, signal_name = worker.how_it_died()
        self._bury(place)
        if worker.jobs:
            self._went_down(worker, how, signal_name)
        elif not worker.ready:
            self._dead_starts += 1
            if self._dead_starts > max(DEAD_STARTS, 2 * len(self._crew.places())):
                raise LaunchError(
                    f"{self._dead_starts} workers in a row died before their first run: {how}"
                )

    def _end_hanging(self) -> None:
        """Kill workers that have given no sign of life for too long."""
        now = time.monotonic()
        for place, worker in list(self._workers.items()):
            if worker.ready and not worker.busy:
                continue
            if now - worker.heard <= (self._timeout if worker.ready else self._crew.start_limit):
                continue
            if not worker.jobs:
                worker.kill()
                continue
            worker.dump()
            self._bury(place)
            text = f"no progress for {self._timeout:g} s (hydra.launcher.timeout)"
            self._went_down(worker, f"{text}; the worker was killed", "SIGKILL")

    def _bury(self, place: int) -> None:
        self._workers.pop(place).end()
        self._view.idle(place)

    def _went_down(self, worker: Worker, error: str, signal_name: str) -> None:
        """Put back what a worker was at when it went down."""
        jobs = worker.take_jobs()
        if len(jobs) == 1:
            trace = log_of(jobs[0])
            self._try_again(jobs[0], Message("broken", text=error, trace=trace), signal_name)
            return
        groups = went_down(jobs)
        how = "each alone" if len(groups) == len(jobs) else "together"
        self._view.say(
            f"{jobs[0].name} and {len(jobs) - 1} more: {error}; again in {BACKOFF:g} s, {how}"
        )
        for group in groups:
            self._queue.put(group, BACKOFF)

    def _halve(self, worker: Worker, error: str) -> None:
        """Put back a group that memory does not suffice for, as two."""
        jobs = worker.take_jobs()
        self._view.say(f"{jobs[0].name} and {len(jobs) - 1} more: {error}; again in halves")
        middle = len(jobs) // 2
        self._queue.put(jobs[middle:])
        self._queue.put(jobs[:middle])

    def _try_again(self, job: Job, message: Message, signal_name: str = "") -> None:
        """Put a run back that may succeed another time; after the last try it has failed."""
        if job.attempt > self._retries:
            self._fail(job, message, signal_name)
            return
        pause = min(LONGEST_BACKOFF, BACKOFF * 2 ** (job.attempt - 1))
        self._view.say(
            f"{job.name}: try {job.attempt} of {self._retries + 1}: {message.text}; "
            f"again in {pause:g} s"
        )
        job.attempt += 1
        self._queue.put([job], pause)

    def _fail(self, job: Job, message: Message, signal_name: str = "") -> None:
        """Record that a run failed for good, unless another launch has begun it anew."""
        try:
            if not record_failure(
                job, message.text, message.trace, signal_name, outside=message.outside
            ):
                self._queue.put([job], LOOK_AGAIN)
                return
        except OSError as problem:
            self._view.say(f"{job.name}: its failure cannot be recorded: {problem}")
        self.tally.failed += 1
        self._view.failed(job, message.text)
