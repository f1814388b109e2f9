"""A worker process: warm across runs, it carries out one after another and tells its parent how
each ended.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from harness.engine.locks import Lock, LockLost, lock
from harness.records import LOG
from harness.run.identity import Cell, Stamp, settled

if TYPE_CHECKING:
    from harness.run.warm import Warm

DUMP_SIGNAL = signal.SIGUSR1
"""Has a worker write where it is into its run's log."""

NOTE_EVERY = 1.0
"""Seconds between two notes of progress for `harness.engine.status`."""


class Task(NamedTuple):
    """One try of one run.

    Attributes:
        cell: the run.
        before: what its folder held when the sweep was launched; a newer outcome is another
            launch's.
        attempt: 1 for the first try.
    """

    cell: Cell
    before: Stamp
    attempt: int


class Message(NamedTuple):
    """What a worker tells its parent.

    Attributes:
        kind: "ready" for a first run; "progress"; "done"; "failed" where another try would end
            alike; "broken" where it may not and the worker ends itself; "taken" where another
            launch is at this run; "settled" where another launch has ended it.
        text: the phase, the last scores, or the error in one line.
        share: of the run that is done, for "progress".
        trace: the traceback, for "failed" and "broken".
    """

    kind: Literal["ready", "progress", "done", "failed", "broken", "taken", "settled"]
    text: str = ""
    share: float = 0.0
    trace: str = ""


Tell = Callable[[Message], None]


def work(link: Connection, gpu: str | None) -> None:
    """Carry out the tasks that arrive until the link closes.

    Args:
        link: to the parent.
        gpu: what `CUDA_VISIBLE_DEVICES` is to be; None leaves it alone.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    _first_when_memory_ends()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    # Seconds, many on a busy machine, before the parent's clock starts; the first two would else
    # come with a run.
    import rouge_score.rouge_scorer  # noqa: F401
    import torch._dynamo  # noqa: F401

    import harness.run.execute  # noqa: F401
    from harness.run.warm import Warm

    _keep_memory()
    faulthandler.enable()
    faulthandler.register(DUMP_SIGNAL)
    try:
        warm = Warm()
        link.send(Message("ready"))
        while True:
            task: Task = link.recv()
            ended = attempt(task, link.send, warm)
            link.send(ended)
            if ended.kind == "broken":
                return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def attempt(task: Task, tell: Tell, warm: Warm) -> Message:
    """Try a run once, if no other launch is at it; whatever it raises becomes a message."""
    folder = task.cell.folder
    try:
        held = lock(folder)
        if held is None:
            return Message("taken")
        with held:
            if settled(folder, task.before):
                return Message("settled")
            folder.mkdir(parents=True, exist_ok=True)
            with logged(folder / LOG, task.attempt):
                return _carry_out(task, held, tell, warm)
    except OSError as error:
        return Message("broken", _line(error, folder), trace=traceback.format_exc())


def _carry_out(task: Task, held: Lock, tell: Tell, warm: Warm) -> Message:
    import torch

    from harness.run.execute import RECORD, execute

    torch.set_num_threads(task.cell.run.threads)
    started = noted = time.time()
    content = {
        "pid": os.getpid(),
        "host": platform.node(),
        "attempt": task.attempt,
        "started": started,
    }
    held.note({**content, "phase": "prepare", "share": 0.0})

    def progress(phase: str, share: float) -> None:
        nonlocal noted
        tell(Message("progress", phase, share))
        if phase == RECORD:  # nothing of another owner's is overwritten
            held.check()
        elif time.time() - noted > NOTE_EVERY:
            noted = time.time()
            held.note({**content, "phase": phase, "share": share})

    try:
        return Message("done", execute(task.cell, progress, warm).headline())
    except LockLost as error:
        print(error, file=sys.stderr)
        return Message("taken")
    except (
        ValueError,
        FloatingPointError,
    ) as error:  # same inputs, same error: another try is of no use
        kind, raised = "failed", error
    except (Exception, SystemExit) as error:
        kind, raised = "broken", error  # type: ignore[assignment]
    trace = "".join(traceback.format_exception(raised))
    print(trace, file=sys.stderr)
    return Message(kind, _line(raised, task.cell.folder), trace=trace)  # type: ignore[arg-type]


def _line(error: BaseException, folder: Path) -> str:
    """An error in one line, with the place where it has none."""
    if isinstance(error, OSError) and error.errno and not error.filename:
        error.filename = str(folder)
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0] if said else ''}"


@contextmanager
def logged(path: Path, number: int) -> Iterator[None]:
    """Append to `path` all that this process writes to its standard output and error, libraries in
    C included.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("a", encoding="utf-8") as log:
        log.write(
            f"{header(number)}, {datetime.now(UTC).isoformat(timespec='seconds')}, process {os.getpid()}\n"
        )
        log.flush()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for ours, theirs in zip(kept, (1, 2), strict=True):
            os.dup2(ours, theirs)
            os.close(ours)


def header(number: int) -> str:
    """How the log of a try begins."""
    return f"== try {number}"


def _die_with_parent() -> None:
    """Have the kernel kill this process with its parent, so that no orphan holds a run's lock."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        parent = parent_process()
        if parent is not None and os.getppid() != parent.pid:  # it died before we asked
            os._exit(1)


def _first_when_memory_ends() -> None:
    """Where memory ends, the kernel shall kill a worker and not the parent."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500")
    except OSError:  # not Linux, or forbidden: the kernel then chooses by itself
        pass


def _keep_memory() -> None:
    """Have glibc keep freed blocks: returning each batch's activations to the kernel costs a page
    fault a page.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            trim_threshold, mmap_threshold = -1, -3
            libc.mallopt(mmap_threshold, 1 << 30)
            libc.mallopt(trim_threshold, 2**31 - 1)
