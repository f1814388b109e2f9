"""Worker processes started before it is known what they will carry out: their imports take as long
as checking the runs does. No torch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from harness.config.launchers import Pool
from harness.config.schema import Run
from harness.engine.plan import plan_file

AUTO = 2
"""Workers started early where their number follows from the runs."""


@dataclass(slots=True, eq=False)
class Spawned:
    """A process that imports, and then waits to be told its GPU.

    Attributes:
        process: the process.
        link: to it.
        gpu: as `CUDA_VISIBLE_DEVICES` calls it, None for the CPU; "" while it has not been told.
    """

    process: BaseProcess
    link: Connection
    gpu: str | None = ""

    def place(self, gpu: str | None) -> None:
        """Tell it its GPU."""
        self.gpu = gpu
        with suppress(OSError):  # dead already, which is noticed as at any other time
            self.link.send(gpu)

    def end(self) -> None:
        """Kill it and give back what it took of this process."""
        self.link.close()
        self.process.kill()
        self.process.join()


_waiting: list[Spawned] = []


@contextmanager
def early(runs: Sequence[Run], settings: object) -> Iterator[None]:
    """Start workers of the pool for runs that nobody has planned yet; at the end, end those that
    nobody took.
    """
    sweeps = {Path(run.launch.runs) / run.launch.sweep for run in runs}
    # A sweep that was planned before may have nothing left to do.
    if isinstance(settings, Pool) and not any(plan_file(sweep).exists() for sweep in sweeps):
        told = [each for each in (settings.slots, settings.slots_per_gpu) if each != "auto"]
        count = min(len(runs), int(told[0]) if told else AUTO, os.cpu_count() or 1)
        _waiting.extend(_spawn() for _ in range(count))
    try:
        yield
    finally:
        while _waiting:
            _waiting.pop().end()


def place(gpus: Sequence[str]) -> None:
    """Tell those that wait their GPU, in turn, so that they make it ready; none for the CPU."""
    for number, spawned in enumerate(_waiting):
        spawned.place(gpus[number % len(gpus)] if gpus else None)


def take(gpu: str | None) -> Spawned:
    """A worker's process on this GPU: one that was started early and lives, or a new one."""
    for spawned in [each for each in _waiting if each.gpu in (gpu, "")]:
        _waiting.remove(spawned)
        if spawned.process.is_alive():
            break
        spawned.end()
    else:
        spawned = _spawn()
    if spawned.gpu == "":
        spawned.place(gpu)
    return spawned


def _spawn() -> Spawned:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_begin, args=(theirs,), daemon=True)
    with _knowing_no_script():
        # By itself it starts with the first process, and unblocks SIGINT again.
        resource_tracker.ensure_running()
        # Ctrl-C reaches the whole group: a worker inherits that it does not listen, even while it
        # still imports.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return Spawned(process, ours)


@contextmanager
def _knowing_no_script() -> Iterator[None]:
    """Processes that are started within the block import neither the script of this one, which
    would launch its sweep again in each of them, nor a file of the working folder that is named
    like a library.
    """
    main, safe = sys.modules["__main__"], os.environ.get("PYTHONSAFEPATH", "")
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        os.environ["PYTHONSAFEPATH"] = safe  # empty is unset


def _begin(link: Connection) -> None:
    from harness.engine.worker import work

    work(link)
