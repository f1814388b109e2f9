"""Actors of a cluster as workers of the pool: where they may be, what comes of their answers."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.engine.actor import ENDS, Heard, Setup, Task
from harness.engine.attempt import Message
from harness.engine.claims import Claim, claim, unwritten
from harness.engine.crew import Worker
from harness.engine.job import Job
from harness.engine.link import Gone, Link, Node
from harness.engine.locks import LockLost
from harness.engine.nodes import Nodes, Place

WRITERS = 16
"""Actors whose runs are written at a time: a disk makes them last together in little more time than
one, and meanwhile the launch goes on.
"""

GLANCE = 0.01
"""Most seconds for which actors are not heard while records are written."""


@dataclass(slots=True, eq=False, kw_only=True)
class ActorWorker(Worker):
    """An actor.

    Attributes:
        link: to the cluster.
        node: its machine.
        apart: whether it does not see the launch's disk, so that its runs are claimed here.
        actor: the actor, as the cluster calls it.
        answer: that is awaited; None for none.
        waiting: messages to hand on before any answer.
        writing: the messages of an answer, once what came along is written; None for none.
        claims: run -> its claim.
        process: of the actor, on its machine.
        ended: whether nobody wants to hear of it any more.
        error: what it died of.
    """

    link: Link
    node: Node
    apart: bool
    actor: Any
    answer: Any
    waiting: deque[Message] = field(default_factory=deque)
    writing: Future[list[Message]] | None = None
    claims: dict[str, Claim] = field(default_factory=dict)
    process: int = 0
    ended: bool = False
    error: str = ""

    def send(self, jobs: Sequence[Job]) -> bool:
        """Have it begin a group, of which it gets what can be claimed."""
        tasks = [task for job in jobs if (task := self._task(job))]
        if tasks:
            self.answer = self.link.call(self.actor, "give", tasks)
        else:
            self.waiting.append(Message("idle"))
        return True

    def _task(self, job: Job) -> Task | None:
        """What the actor is told of a run; None where it is not to have it."""
        if not self.apart:
            return Task(job.next_try(), {})
        claimed = claim(job, self.node.host, self.process)
        if isinstance(claimed, Message):
            self.waiting.append(claimed)
            return None
        try:
            task = claimed.task()
        except OSError as error:
            claimed.release()
            self.waiting.append(unwritten(job.name, error))
            return None
        self.claims[job.name] = claimed
        return task

    def dump(self) -> None:
        """Nothing to do: an actor writes down by itself where it hangs."""

    def kill(self) -> None:
        """Kill it; its answer is an error."""
        self.link.kill(self.actor)

    def end(self) -> None:
        """Kill it, and let go of its runs."""
        self.ended = True
        self.link.kill(self.actor)
        if self.writing:
            wait([self.writing])
        self._release()

    def how_it_died(self) -> tuple[str, str]:
        """In words; nobody knows the signal."""
        return self.error, ""

    def take_in(self, writers: ThreadPoolExecutor, written: queue.SimpleQueue[ActorWorker]) -> None:
        """Take the answer that is there; what came along is written meanwhile.

        Args:
            writers: who writes.
            written: where this worker stands once that is done.

        Raises:
            Gone: the actor is dead.
        """
        answer, self.answer = self.answer, None
        try:
            heard = self.link.get(answer)
        except Gone as error:
            self.error = f"the actor on {self.node.host} died: {error}"
            self._release()
            raise
        if isinstance(heard, Heard):
            self.writing = writers.submit(self._written, heard)
            self.writing.add_done_callback(lambda _: written.put(self))
        else:  # of `begin`
            self.process = int(heard)
            self.waiting.append(Message("ready"))

    def told(self) -> Iterator[Message]:
        """The messages of an answer that has been written; then the next one is asked for."""
        assert self.writing
        messages, self.writing = self.writing.result(), None
        yield from messages
        if not self.ended and not any(message.kind == "idle" for message in messages):
            self.answer = self.link.call(self.actor, "listen")

    def _written(self, heard: Heard) -> list[Message]:
        """The messages, once what came along is written."""
        self._write(heard)
        return [self._settle(message, heard) for message in heard.messages]

    def _write(self, heard: Heard) -> None:
        """Write what came along of runs that have not ended. What cannot be written is no loss: a
        lock that is gone costs the run once it ends.
        """
        progress = [message for message in heard.messages if message.kind == "progress"]
        for run, claimed in self.claims.items():
            with suppress(LockLost, OSError):
                if run in heard.logs:
                    claimed.log(heard.logs[run])
                if run in heard.checkpoints:
                    claimed.keep(heard.checkpoints[run])
                for message in progress:
                    claimed.note(message.text, message.share)

    def _settle(self, message: Message, heard: Heard) -> Message:
        """A message, once what its run left is written here and its lock is free."""
        if message.kind in ("idle", "down", "narrow"):
            self._release()
        claimed = self.claims.pop(message.run, None) if message.kind != "progress" else None
        if claimed is None:
            return message
        try:
            if message.kind in ENDS:
                claimed.end(heard.files.get(message.run, {}))
        except LockLost:
            return Message("taken", message.run)
        except OSError as error:
            return unwritten(message.run, error)
        finally:
            claimed.release()
        return message

    def _release(self) -> None:
        for claimed in self.claims.values():
            claimed.release()
        self.claims = {}


class Actors:
    """The actors of a launch.

    Attributes:
        start_limit: there is none: an actor waits for its machine to have room.
    """

    start_limit = float("inf")

    def __init__(
        self,
        link: Link,
        nodes: Nodes,
        setup: Callable[[Place], Setup],
        writers: ThreadPoolExecutor,
    ) -> None:
        """Start nothing yet.

        Args:
            link: to the cluster.
            nodes: its machines.
            setup: what an actor on a place is told first.
            writers: who write records, `WRITERS` at a time; theirs to end who made them.
        """
        self._link = link
        self._nodes = nodes
        self._setup = setup
        self._writers = writers
        self._written: queue.SimpleQueue[ActorWorker] = queue.SimpleQueue()

    def places(self) -> Collection[int]:
        """The places of all machines that are alive."""
        return self._nodes.places

    def start(self, place: int) -> Worker:
        """Start an actor on a machine."""
        where = self._nodes.places[place]
        actor = self._link.start(where.node, where.share)
        answer = self._link.call(actor, "begin", self._setup(where), self._link.fetch)
        return ActorWorker(
            link=self._link,
            node=where.node,
            apart=not where.seen.shared,
            actor=actor,
            answer=answer,
        )

    def listen(
        self, workers: Collection[Worker], seconds: float
    ) -> Iterator[tuple[Worker, Message | None]]:
        """What actors say, waiting so long for it; None from one that is dead."""
        actors = [worker for worker in workers if isinstance(worker, ActorWorker)]
        awaited = {worker.answer: worker for worker in actors if worker.answer is not None}
        scouts = self._nodes.awaited()
        if any(worker.waiting for worker in actors):
            seconds = 0.0
        writing = any(worker.writing for worker in actors)
        answers = self._wait([*awaited, *scouts], 0.0 if writing else seconds)
        for answer in answers:
            if answer in scouts:
                self._nodes.take_in(answer)
                continue
            try:
                awaited[answer].take_in(self._writers, self._written)
            except Gone:  # perhaps with its machine
                self._nodes.look_again(now=True)
                yield awaited[answer], None
        for worker in actors:
            while worker.waiting and not worker.ended:
                yield worker, worker.waiting.popleft()
        for worker in self._told(min(seconds, GLANCE) if writing and not answers else 0.0):
            for message in worker.told():
                if worker.ended:
                    break
                yield worker, message
        self._nodes.look_again()

    def _told(self, seconds: float) -> Iterator[ActorWorker]:
        """Actors whose answers have been written, waiting so long for the first."""
        with suppress(queue.Empty):
            worker = self._written.get(timeout=seconds)
            while True:
                if not worker.ended:
                    yield worker
                worker = self._written.get_nowait()

    def _wait(self, answers: Sequence[Any], seconds: float) -> Sequence[Any]:
        if not answers:
            time.sleep(seconds)
            return []
        return self._link.wait(answers, seconds)
