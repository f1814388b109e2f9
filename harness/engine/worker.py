"""A worker process: warm across runs, it carries out one group of them after another and tells its
parent how each run ended.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from harness.engine.attempt import Message, attempt

DUMP_SIGNAL = signal.SIGUSR1
"""Has a worker write where it is into its run's log."""


def work(link: Connection) -> None:
    """Carry out the groups of runs that arrive until the link closes.

    Args:
        link: to the parent. What `CUDA_VISIBLE_DEVICES` is to be comes first; None leaves it alone.
    """
    # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from harness.engine import server

    parent = parent_process()
    die_with(server.PID if server.FORKS or parent is None or parent.pid is None else parent.pid)
    _first_when_memory_ends()
    # Seconds, many on a busy machine, before the parent's clock starts.
    import harness.run.execute  # noqa: F401  # for its imports
    from harness.models import device
    from harness.run.warm import Warm

    keep_memory()
    faulthandler.enable()
    faulthandler.register(DUMP_SIGNAL)
    try:
        gpu = link.recv()
        if gpu is not None:  # nothing has looked for GPUs so far
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            with suppress(RuntimeError, ImportError):  # a run will meet it again, and tell
                device.begin()
        warm = Warm()
        link.send(Message("ready"))
        while True:
            attempt(link.recv(), link.send, warm)
            link.send(Message("idle"))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def die_with(parent: int) -> None:
    """Have the kernel kill this process with its parent, so that no orphan holds a run's lock."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _first_when_memory_ends() -> None:
    """Where memory ends, the kernel shall kill a worker and not the parent."""
    with suppress(OSError):  # not Linux, or forbidden: the kernel then chooses by itself
        Path("/proc/self/oom_score_adj").write_text("500")


def keep_memory() -> None:
    """Have glibc keep freed blocks: returning each batch's activations to the kernel costs a page
    fault a page.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            trim_threshold, mmap_threshold = -1, -3
            libc.mallopt(mmap_threshold, 1 << 30)
            libc.mallopt(trim_threshold, 2**31 - 1)
