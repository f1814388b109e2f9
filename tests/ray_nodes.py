"""A Ray cluster of several nodes on this machine, each of which sees none of the launch's disk: its
mounts are its own, and what the launch writes to is covered there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

from tests.tiny_sweep import environment

MEMORY = 100_000_000
"""Bytes of a node's object store, the least that Ray takes."""


@dataclass
class Nodes:
    """Nodes, one after another; the first is the head.

    Attributes:
        hidden: the folder that they do not see.
        short: of their own folders; socket paths below it have 107 bytes at most.
        faults: seed -> kind of fault that its run suffers.
        port: of the head.
        client_port: likewise, for machines that are no part of the cluster.
        processes: of all that were started.
    """

    hidden: Path
    short: Path
    faults: dict[int, str]
    port: int
    client_port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the cluster."""
        return f"127.0.0.1:{self.port}"

    @property
    def from_outside(self) -> str:
        """The same for a machine that is no part of it."""
        return f"ray://127.0.0.1:{self.client_port}"

    def temporary(self, number: int) -> Path:
        """Where a node keeps runs and inputs."""
        return self.short / f"t{number}"

    def start(self, cpus: int = 1) -> int:
        """Start one more node; returns its number."""
        number = len(self.processes)
        self.temporary(number).mkdir(exist_ok=True)
        role = [
            "--head", f"--port={self.port}", "--include-dashboard=false",
            f"--ray-client-server-port={self.client_port}",
        ]  # fmt: skip
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start",
            *(role if number == 0 else [f"--address={self.address}"]),
            f"--node-ip-address=127.0.0.{number + 1}", f"--num-cpus={cpus}",
            f"--object-store-memory={MEMORY}", f"--temp-dir={self.short}/r{number}", "--block",
        ]  # fmt: skip
        covered = f'mount -t tmpfs none {self.hidden} && exec "$@"'
        with (self.short / f"node{number}.log").open("wb") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", covered, "sh", *command],
                cwd=self.temporary(number), start_new_session=True,
                env=self.environment(number), stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.processes.append(process)
        until(lambda: "Ray runtime started" in self.said(number) or process.poll() is not None, 240)
        if process.poll() is not None:
            raise RuntimeError(self.said(number))
        return number

    def said(self, number: int) -> str:
        """What a node has said so far."""
        return (self.short / f"node{number}.log").read_text(errors="replace")

    def environment(self, number: int) -> dict[str, str]:
        """Variables of a node."""
        own = {"TMPDIR": str(self.temporary(number)), "RAY_USAGE_STATS_ENABLED": "0"}
        own["RAY_worker_niceness"] = "0"  # else other work on the machine comes first, for minutes
        return {**os.environ, **environment(self.faults), **own}

    def kill(self, number: int) -> None:
        """Kill a node, all of its processes at once."""
        for pid in reversed(descendants(self.processes[number].pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.processes[number].wait()


def descendants(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in descendants(int(child)))]


@contextmanager
def nodes(hidden: Path, short: Path, faults: dict[int, str], count: int) -> Iterator[Nodes]:
    """So many nodes that are alive, for the block."""
    with socket() as free, socket() as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        found = Nodes(hidden, short, faults, free.getsockname()[1], other.getsockname()[1])
    try:
        for _ in range(count):
            found.start()
        yield found
    finally:
        for number in range(len(found.processes)):
            found.kill(number)


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)
