"""One try of a group of runs: locked, logged, and whatever comes of each told as a message."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from harness.config import plugins
from harness.engine.locks import Lock, LockLost, lock
from harness.records import LOG, Result
from harness.run.identity import Cell, Stamp, settled

if TYPE_CHECKING:
    from harness.run.warm import Warm

NOTE_EVERY = 1.0
"""Seconds between two notes of progress for `harness.engine.status`."""

TELL_EVERY = 0.1
"""Seconds between two messages of progress."""


class Try(NamedTuple):
    """One try of one run.

    Attributes:
        cell: the run.
        before: what its folder held when the sweep was launched; a newer outcome is another
            launch's.
        number: 1 for the first try.
    """

    cell: Cell
    before: Stamp
    number: int

    @property
    def name(self) -> str:
        """The run's folder's name."""
        return self.cell.folder.name


class Message(NamedTuple):
    """What a worker tells its parent.

    Attributes:
        kind: of the worker: "ready" for a first group, "idle" for a further one. Of its group:
            "progress"; "down" where all of it ended with an error; "narrow" where memory does not
            suffice for so many at once. Of a run: "progress"; "finished"; "failed" where another
            try would end alike; "broken" where it may not; "taken" where another launch is at it;
            "settled" where another launch has ended it.
        run: its folder's name; "" where the message is of no single run.
        text: the phase, the last scores, or the error in one line.
        share: of the run that is done, for "progress".
        trace: the traceback, for "failed" and "broken".
        outside: whether the fault lies outside the run, in a device or a disk.
    """

    kind: Literal[
        "ready", "idle", "down", "narrow",
        "progress", "finished", "failed", "broken", "taken", "settled",
    ]  # fmt: skip
    run: str = ""
    text: str = ""
    share: float = 0.0
    trace: str = ""
    outside: bool = False


Tell = Callable[[Message], None]


def attempt(tries: Sequence[Try], tell: Tell, warm: Warm) -> None:
    """Try runs once, together, as far as no other launch is at them.

    Whatever they raise becomes a message. Runs of which no message tells have not ended.
    """
    ended: list[Message] = []
    with ExitStack() as stack:
        locked = []
        for each in tries:
            try:
                held = lock(each.cell.folder)
            except OSError as error:
                tell(_fault(each.cell, error))
                continue
            if held is None:
                tell(Message("taken", each.name))
                continue
            stack.enter_context(held)
            if settled(each.cell.folder, each.before):
                tell(Message("settled", each.name))
            else:
                locked.append((each, held))
        if locked:
            ended = _carry_out(locked, tell, warm)
    for message in ended:  # whoever hears of a run's end finds its lock free
        tell(message)


def _carry_out(locked: Sequence[tuple[Try, Lock]], tell: Tell, warm: Warm) -> list[Message]:
    """Carry out locked runs; returns how they ended."""
    import torch

    from harness.engine.ranks import execute_apart
    from harness.run.execute import execute_group

    tries = [each for each, _ in locked]
    cells = [each.cell for each in tries]
    torch.set_num_threads(int(cells[0].run.launch.threads))
    try:
        for cell in cells:
            plugins.load(cell.run.launch.plugins)
        with logged(tries):
            progress = _SignsOfLife(locked, tell)
            if cells[0].run.launch.gpus == 1:
                outcomes = execute_group(cells, progress, warm)
            else:
                outcomes = [execute_apart(cells[0], progress)]
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    traceback.print_exception(outcome)
    except LockLost as lost:
        return [Message("taken", lost.run)]
    except (Exception, SystemExit) as error:
        if len(cells) == 1:
            return [_fault(cells[0], error)]
        short_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
        text = _line(error, cells[0].folder)
        return [Message("narrow" if short_of_memory else "down", text=text)]
    return [_ended(cell, outcome) for cell, outcome in zip(cells, outcomes, strict=True)]


def _ended(cell: Cell, outcome: Result | Exception) -> Message:
    if isinstance(outcome, Exception):
        return _fault(cell, outcome)
    return Message("finished", cell.folder.name, outcome.headline())


class _SignsOfLife:
    """What a group calls as it goes on: tells the parent, and leaves word in the lock files."""

    def __init__(self, locked: Sequence[tuple[Try, Lock]], tell: Tell) -> None:
        self._locks = [held for _, held in locked]
        self._tell = tell
        self._run = locked[0][0].name if len(locked) == 1 else ""
        process = {"pid": os.getpid(), "host": platform.node(), "started": time.time()}
        self._contents = [{**process, "attempt": each.number} for each, _ in locked]
        self._shares = [0.0] * len(locked)
        self._noted = [0.0] * len(locked)
        self._told = time.monotonic()
        for number in range(len(locked)):
            self._note(number, "prepare")

    def __call__(self, number: int, phase: str, share: float) -> None:
        """The run of this number in its group is at `phase`, and `share` of it is done.

        Raises:
            LockLost: somebody took the run away.
        """
        from harness.run.group import RECORD

        self._shares[number] = share
        now = time.monotonic()
        if phase == RECORD:  # nothing of another owner's is overwritten
            self._locks[number].check()
        elif now - self._noted[number] > NOTE_EVERY:
            self._note(number, phase)
        if now - self._told > TELL_EVERY:
            self._told = now
            mean = sum(self._shares) / len(self._shares)
            self._tell(Message("progress", self._run, phase, mean))

    def _note(self, number: int, phase: str) -> None:
        self._noted[number] = time.monotonic()
        content = {**self._contents[number], "phase": phase, "share": self._shares[number]}
        self._locks[number].note(content)


def _fault(cell: Cell, error: BaseException) -> Message:
    """A run that ended with an error.

    Same inputs, same error: after a fault of values, another try is of no use.
    """
    from harness.models.device import DeviceError

    return Message(
        "failed" if isinstance(error, ValueError | FloatingPointError) else "broken",
        cell.folder.name,
        _line(error, cell.folder),
        trace="".join(traceback.format_exception(error)),
        outside=isinstance(error, OSError | DeviceError),
    )


def _line(error: BaseException, folder: Path) -> str:
    """An error in one line, with the place where it has none."""
    if isinstance(error, OSError) and error.errno and not error.filename:
        error.filename = str(folder)
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0] if said else ''}"


@contextmanager
def logged(tries: Sequence[Try]) -> Iterator[None]:
    """Append all that this process writes to its standard output and error to the runs' log.

    What libraries in C write there is included. A group writes to the log of its first run; the
    others' logs say so.
    """
    first, *others = tries
    for each in others:
        _begin_log(each, f"its output is in ../{first.name}/{LOG}\n")
    _begin_log(first)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with (first.cell.folder / LOG).open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for ours, theirs in zip(kept, (1, 2), strict=True):
            os.dup2(ours, theirs)
            os.close(ours)


def _begin_log(each: Try, text: str = "") -> None:
    began = datetime.now(UTC).isoformat(timespec="seconds")
    with (each.cell.folder / LOG).open("a", encoding="utf-8") as log:
        log.write(f"{header(each.number)}, {began}, process {os.getpid()}\n{text}")


def header(number: int) -> str:
    """How the log of a try begins."""
    return f"== try {number}"
