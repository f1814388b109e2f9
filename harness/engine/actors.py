"""Actors of a cluster as workers of the pool: where they may be, what comes of their answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
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
        self._release()

    def how_it_died(self) -> tuple[str, str]:
        """In words; nobody knows the signal."""
        return self.error, ""

    def take_in(self) -> Iterator[Message | None]:
        """The messages of the answer that is there, once what came along is written."""
        answer, self.answer = self.answer, None
        try:
            heard = self.link.get(answer)
        except Gone as error:
            self.error = f"the actor on {self.node.host} died: {error}"
            self._release()
            yield None
            return
        if not isinstance(heard, Heard):  # of `begin`
            self.process = int(heard)
            yield Message("ready")
            return
        self._write(heard)
        for message in heard.messages:
            yield self._settle(message, heard)
        if not self.ended and not any(message.kind == "idle" for message in heard.messages):
            self.answer = self.link.call(self.actor, "listen")

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

    def __init__(self, link: Link, nodes: Nodes, setup: Callable[[Place], Setup]) -> None:
        """Start nothing yet.

        Args:
            link: to the cluster.
            nodes: its machines.
            setup: what an actor on a place is told first.
        """
        self._link = link
        self._nodes = nodes
        self._setup = setup

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
        for worker in actors:
            while worker.waiting and not worker.ended:
                seconds = 0.0
                yield worker, worker.waiting.popleft()
        awaited = {worker.answer: worker for worker in actors if worker.answer is not None}
        scouts = self._nodes.awaited()
        for answer in self._wait([*awaited, *scouts], seconds):
            if answer in scouts:
                self._nodes.take_in(answer)
                continue
            worker = awaited[answer]
            for message in worker.take_in():
                if message is None:  # perhaps with its machine
                    self._nodes.look_again(now=True)
                if worker.ended:
                    break
                yield worker, message
        self._nodes.look_again()

    def _wait(self, answers: Sequence[Any], seconds: float) -> Sequence[Any]:
        if not answers:
            time.sleep(seconds)
            return []
        return self._link.wait(answers, seconds)
