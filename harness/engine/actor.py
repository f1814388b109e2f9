"""What an actor of a cluster is: warm across groups of runs, on a machine that may share no disk
with the launch. Imports no Ray.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.engine.attempt import Message, Try, attempt
from harness.engine.parcels import Parcel, unpack
from harness.paths import bring
from harness.records import CHECKPOINT, LOG
from harness.run.identity import GOES_ON_FROM
from harness.run.inputs import Input, places_of

HEARTBEAT = 1.0
"""Seconds at most between two answers of an actor that is at work."""

ENDS = ("finished", "failed", "broken")
"""Kinds of message after which a run's files are final."""

LARGEST_CHECKPOINT = 2**30
"""Bytes of a checkpoint that is sent to the launch; a larger one helps on its own machine alone."""

Files = dict[str, bytes]
"""Name, relative to a run's folder -> content."""


class Setup(NamedTuple):
    """What an actor is told first.

    Attributes:
        on_gpu: whether it was given a GPU; else it shall see none.
        apart: whether it writes to its own machine's disk, for it does not see the launch's.
        token: of the launch.
        timeout: seconds without a sign of life after which it will be killed.
        inputs: what its runs read.
        parcels: name -> content of the inputs that this machine does not see at their own place.
    """

    on_gpu: bool
    apart: bool
    token: str
    timeout: float
    inputs: Mapping[str, Input]
    parcels: Mapping[str, Parcel]


class Task(NamedTuple):
    """A run to try.

    Attributes:
        what: the try, as a worker of the pool is given it.
        kept: where the disk is not shared, the checkpoint to go on from and what belongs to it.
    """

    what: Try
    kept: Files


@dataclass
class Heard:
    """What an actor tells in one answer.

    Attributes:
        messages: in their order.
        logs: run -> what its log has grown by.
        files: run -> its files, where it has ended.
        checkpoints: run -> its new checkpoint and what belongs to it.
        process: of the actor.
    """

    messages: list[Message] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, Files] = field(default_factory=dict)
    checkpoints: dict[str, Files] = field(default_factory=dict)
    process: int = 0


class Actor:
    """A worker of a cluster. Its calls come one at a time; the runs have a thread of their own."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Sequence[Try]] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._folders: dict[str, Path] = {}
        self._read: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._dump_after = 0.0
        self._base: Path | None = None

    def begin(self, setup: Setup, fetch: Callable[[object], bytes]) -> int:
        """Import, and take in what the runs read; returns the number of this process.

        Args:
            setup: see there.
            fetch: what makes of a part of a parcel its content.

        Raises:
            OSError: the disk is full.
        """
        if not setup.on_gpu:  # Ray does not hide those that it has not given
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import harness.run.execute  # noqa: F401  # for its imports
        from harness.engine.worker import keep_memory
        from harness.models import device

        keep_memory()
        faulthandler.enable()
        if setup.on_gpu:
            with suppress(RuntimeError, ImportError):  # a run will meet it again, and tell
                device.begin()
        if setup.timeout > 0:  # in time for the last answer before the end
            self._dump_after = max(setup.timeout / 2, setup.timeout - 2 * HEARTBEAT)
        if setup.apart:
            self._base = home() / setup.token
        brought = {
            name: unpack(each, home() / "inputs", fetch) for name, each in setup.parcels.items()
        }
        bring(places_of(setup.inputs) | brought)
        threading.Thread(target=self._work, daemon=True).start()
        return os.getpid()

    def give(self, tasks: Sequence[Task]) -> Heard:
        """Begin a group of runs; see `listen`."""
        tries = [self._settled_in(task) for task in tasks]
        self._folders = {each.name: each.cell.folder for each in tries}
        self._read, self._saved = {}, {each.name: _changed(each.cell.folder) for each in tries}
        self._tasks.put(tries)
        return self.listen()

    def listen(self) -> Heard:
        """What there is to tell once the group has ended, or after a heartbeat; of signs of
        progress the last. An answer costs the launch about as much as a run's records do.
        """
        messages: list[Message] = []
        progress: Message | None = None
        end = time.monotonic() + HEARTBEAT
        with suppress(queue.Empty):
            while not (messages and messages[-1].kind == "idle"):
                message = self._messages.get(timeout=max(0.0, end - time.monotonic()))
                if message.kind == "progress":
                    progress = message
                else:
                    messages.append(message)
        heard = Heard([progress, *messages] if progress else messages, process=os.getpid())
        if self._base:
            heard.logs = self._logs()
            heard.checkpoints = self._checkpoints()
            heard.files = {
                message.run: self._files(message.run)
                for message in messages
                if message.kind in ENDS and message.run in self._folders
            }
            if any(message.kind == "idle" for message in messages):
                for folder in self._folders.values():
                    shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):  # not of other actors
                    (self._base / str(os.getpid())).rmdir()
                    self._base.rmdir()
        return heard

    def _settled_in(self, task: Task) -> Try:
        """A try in a folder of this machine, where the launch's is not seen."""
        cell = task.what.cell
        if not self._base:
            return task.what
        folder = self._base / str(os.getpid()) / cell.folder.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in task.kept.items():
            (folder / name).write_bytes(content)
        return task.what._replace(cell=cell._replace(folder=folder))

    def _work(self) -> None:
        from harness.run.warm import Warm

        warm = Warm()
        try:
            while True:
                tries = self._tasks.get()
                self._tell(Message("progress", text="prepare"))
                attempt(tries, self._tell, warm)
                faulthandler.cancel_dump_traceback_later()
                self._messages.put(Message("idle"))
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # else the launch would wait for ever for this thread

    def _tell(self, message: Message) -> None:
        self._messages.put(message)
        if self._dump_after:
            # The run's log, while it lasts. Not `sys.stderr`, which Ray replaces.
            faulthandler.dump_traceback_later(self._dump_after, file=2)

    def _logs(self) -> dict[str, bytes]:
        """What the runs' logs have grown by since the last time."""
        grown = {}
        sys.stdout.flush()
        for run, folder in self._folders.items():
            with suppress(OSError), (folder / LOG).open("rb") as file:
                file.seek(self._read.get(run, 0))
                content = file.read()
                if content:
                    self._read[run] = self._read.get(run, 0) + len(content)
                    grown[run] = content
        return grown

    def _checkpoints(self) -> dict[str, Files]:
        """The checkpoints that are new, each with the records that it goes on from."""
        found = {}
        for run, folder in self._folders.items():
            changed = _changed(folder)
            if changed and changed != self._saved[run]:
                self._saved[run] = changed
                with suppress(OSError):  # it is gone: the run has its result
                    if (folder / CHECKPOINT).stat().st_size <= LARGEST_CHECKPOINT:
                        # Itself first: what the others grow by meanwhile is cut off again.
                        found[run] = {name: (folder / name).read_bytes() for name in GOES_ON_FROM}
        return found

    def _files(self, run: str) -> Files:
        """The records that a run has left, but for its log, and hidden files."""
        folder = self._folders[run]
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != LOG and not path.name.startswith(".")
        }


def _changed(folder: Path) -> int:
    """When a run's checkpoint was written, in nanoseconds; 0 where there is none."""
    try:
        return (folder / CHECKPOINT).stat().st_mtime_ns
    except OSError:
        return 0


def home() -> Path:
    """This user's folder for runs and inputs on a machine that does not see the launch's.

    Raises:
        OSError: it cannot be made, or is another user's.
    """
    folder = Path(tempfile.gettempdir()) / f"prompt-mask-harness-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "is another user's", str(folder))
    return folder
