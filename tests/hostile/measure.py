"""Carry out a case's command and measure it: in a fork of this warm process, or in a process of
its own.

A fork runs the same `harness.__main__.main` as `python -m harness`, with the imports done. This
process has one thread and never computes, so that a fork inherits no lock.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.hostile.box import NOBODY, Box, changed, files, filled
from tests.hostile.case import Case

MEMORY = 1_000
"""Megabytes that a command may take, its imports among them."""

STOP = 2 * MEMORY
"""Megabytes at which it is killed, for the sake of this machine."""

LOOK_EVERY = 0.02

PAGE = 4
"""Kilobytes of the smallest file; a disk of fewer holds none."""


class Measured(NamedTuple):
    """What a command did.

    Attributes:
        code: its exit code; negative for a signal.
        seconds: wall time.
        megabytes: the most that the process, or one of its children, held.
        hung: whether it was killed at the limit.
        stdout, stderr: what it printed.
        changed: files and folders that are new, other or gone.
    """

    code: int
    seconds: float
    megabytes: int
    hung: bool
    stdout: str
    stderr: str
    changed: list[Path]


def measure(case: Case, box: Box, limit: float, *, alone: bool) -> Measured:
    """Carry out a case, in a process of its own if `alone`; it hangs after `limit` seconds."""
    before = files(box)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(case, box, alone)
    code, megabytes, hung = _watch(child, case.wait, limit)
    return Measured(
        code,
        time.monotonic() - began,
        megabytes,
        hung,
        _printed(box, "stdout"),
        _printed(box, "stderr"),
        changed(box, before),
    )


def _printed(box: Box, name: str) -> str:
    return (box.temporary / name).read_text("utf-8", errors="replace")


def _watch(child: int, wait: float, limit: float) -> tuple[int, int, bool]:
    """Wait for a child; kill its whole group where it hangs or eats too much."""
    began = time.monotonic()
    hung = False
    most = 0
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        spent = time.monotonic() - began
        most = max(most, _resident(child))
        if wait and spent > wait:
            os.killpg(child, signal.SIGINT)
            wait = 0.0
        if spent > limit or most > STOP:
            hung = spent > limit
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(LOOK_EVERY)
    with suppress(ProcessLookupError):  # whatever it left running
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status), max(most, usage.ru_maxrss >> 10), hung


def _resident(process: int) -> int:
    """Megabytes that a process holds now."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize() >> 20


def _become(case: Case, box: Box, alone: bool) -> NoReturn:
    """Turn this fork into the command."""
    try:
        os.setsid()
        _surround(case, box)
        _redirect(case, box)
        words = [filled(word, box) for word in case.command]
        if alone:
            command = [sys.executable, "-m", "harness", *words]
            os.execve(sys.executable, [os.fsencode(word) for word in command], os.environ)
        sys.argv = ["harness", *words]
        code = _main()
    except BaseException:
        traceback.print_exc()
        code = 99
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _surround(case: Case, box: Box) -> None:
    """Set the child's directory, variables, file systems and rights."""
    if case.disk:
        disk = box.here / "disk"
        disk.mkdir(exist_ok=True)
        new_namespace = 0x20000
        ctypes.CDLL(None).unshare(new_namespace)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        files = 1 if case.disk < PAGE else 1_000  # the first is the folder itself
        size = f"size={case.disk}k,nr_inodes={files}"
        options = ["-t", "tmpfs", "-o", size, "tmpfs", str(disk)]
        subprocess.run(["mount", *options], check=True)
    if case.user and os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.chdir(box.here)
    os.environ.update(
        HOME=str(box.home),
        TMPDIR=str(box.temporary),
        COLUMNS="200",
        CUDA_VISIBLE_DEVICES="",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    os.environ.update({key: filled(value, box) for key, value in case.environment.items()})


def _redirect(case: Case, box: Box) -> None:
    """Point the child's streams at the box's files, or at what the case asks for."""
    (box.temporary / "stdin").write_text(case.stdin, "utf-8", "surrogateescape")
    os.dup2(os.open(box.temporary / "stdin", os.O_RDONLY), 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(box.temporary / name, flags, 0o666), number)
    if case.stdout == "pipe":
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        if os.fork() == 0:  # `head -c 1`
            os.close(writing)
            os.close(1)
            os.read(reading, 1)
            os._exit(0)
        os.close(reading)
        os.close(writing)
    elif case.stdout == "closed":
        os.close(1)


def _main() -> int:
    """`python -m harness`, and the exit code that Python would end with."""
    import harness.__main__ as entry

    sys.modules["__main__"] = entry  # which the workers of a pool ask for
    try:
        entry.script()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def warm() -> None:
    """Import what the commands need, so that a fork has it; and find the fonts of this machine."""
    import analysis.__main__  # noqa: F401  # its figures bring the fonts
    import harness.__main__
    import harness.bases.assess
    import harness.bases.pretrain
    import harness.commands.audit
    import harness.commands.export
    import harness.commands.generate
    import harness.engine.pool
    import harness.engine.slurm
    import harness.engine.status
    import harness.models.quantize
    import harness.run.execute  # noqa: F401  # for their imports
