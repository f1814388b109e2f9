"""Worker processes: the server that they are forked from starts before it is known what they will
carry out, for its imports take as long as checking the runs does. No torch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from sysconfig import get_path
from types import ModuleType
from typing import NamedTuple

from harness.config.launchers import Pool
from harness.config.schema import Run
from harness.engine.plan import plan_file
from harness.paths import PACKAGES

CONTEXT = get_context("forkserver") if sys.platform == "linux" else get_context("spawn")
"""How a worker's process starts; elsewhere what is imported may not survive a fork."""

SERVER = "harness.engine.server"
"""What the server imports."""

AUTO = 2
"""Workers started early where their number follows from the runs."""


class Spawned(NamedTuple):
    """A worker's process.

    Attributes:
        process: the process.
        link: to it.
        gpu: its GPU, as `CUDA_VISIBLE_DEVICES` calls it; None for the CPU.
    """

    process: BaseProcess
    link: Connection
    gpu: str | None

    def end(self) -> None:
        """Kill it and give back what it took of this process."""
        self.link.close()
        self.process.kill()
        self.process.join()


_waiting: list[Spawned] = []
_wanted = 0


@contextmanager
def early(runs: Sequence[Run], settings: object) -> Iterator[None]:
    """Start the server for workers of the pool, for runs that nobody has planned yet; at the end,
    end the workers that nobody took.
    """
    global _wanted
    sweeps = {Path(run.launch.runs) / run.launch.sweep for run in runs}
    # A sweep that was planned before may have nothing left to do.
    if isinstance(settings, Pool) and not any(plan_file(sweep).exists() for sweep in sweeps):
        told = [each for each in (settings.slots, settings.slots_per_gpu) if each != "auto"]
        _wanted = min(len(runs), int(told[0]) if told else AUTO, os.cpu_count() or 1)
        with as_workers_begin():
            pass
    try:
        yield
    finally:
        _wanted = 0
        while _waiting:
            _waiting.pop().end()


def place(gpus: Sequence[str]) -> None:
    """Start the workers that will be wanted, on these GPUs in turn, so that each makes its own
    ready; none for the CPU.
    """
    turns = [gpus[number % len(gpus)] if gpus else None for number in range(_wanted)]
    _waiting.extend(_spawn(gpu) for gpu in turns)


def take(gpu: str | None) -> Spawned:
    """A worker's process on this GPU: one that was started early and lives, or a new one."""
    for spawned in [each for each in _waiting if each.gpu == gpu]:
        _waiting.remove(spawned)
        if spawned.process.is_alive():
            return spawned
        spawned.end()
    return _spawn(gpu)


def _spawn(gpu: str | None) -> Spawned:
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_begin, args=(theirs, dict(os.environ)), daemon=True)
    with as_workers_begin():
        process.start()
    theirs.close()
    with suppress(OSError):  # dead already, which is noticed as at any other time
        ours.send(gpu)
    return Spawned(process, ours, gpu)


@contextmanager
def as_workers_begin() -> Iterator[None]:
    """The server runs, and processes that start within the block do not listen to Ctrl-C, which
    reaches the whole group, even while they still import.
    """
    with _knowing_no_script():
        # By itself it starts with the first process, and unblocks SIGINT again.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            if sys.platform == "linux":
                forkserver.set_forkserver_preload([SERVER])
                forkserver.ensure_running()
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _knowing_no_script() -> Iterator[None]:
    """Processes that are started within the block import neither the script of this one, which
    would launch its sweep again in each of them, nor a file of the working folder that is named
    like a library; but the harness that this one has imported.
    """
    main, environ = sys.modules["__main__"], dict(os.environ)
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ["PYTHONSAFEPATH"] = "1"
    if str(PACKAGES) != get_path("purelib"):
        named = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGES), named]))
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        _have(environ)


def _have(environ: Mapping[str, str]) -> None:
    """Have these environment variables and no others."""
    os.environ.clear()
    os.environ.update(environ)


def _begin(link: Connection, environ: dict[str, str]) -> None:
    # The server has the environment of the moment when it started.
    _have(environ)
    from harness.engine.worker import work

    work(link)
