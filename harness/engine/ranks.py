"""One run over several processes, each with a GPU: starts its ranks, listens to them, and ends all
of them with the first that dies.

The ranks wait for each other in every step, so that one alone can neither go on nor notice that
another is gone. The process that started them sees it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple, cast

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch does not say

from harness.engine.process import how_it_died
from harness.engine.rank import Part, Said
from harness.records import Result
from harness.run.group import Progress
from harness.run.identity import Cell
from harness.train.team import Team


class RankError(RuntimeError):
    """A rank died: one line."""


class Rank(NamedTuple):
    """A rank as the process sees it that started it: its place, the process, the link to it."""

    team: Team
    process: subprocess.Popen[bytes]
    link: Connection

    def end(self) -> None:
        """Kill it and give back what it took of this process."""
        self.link.close()
        self.process.kill()
        self.process.wait()


def execute_apart(cell: Cell, progress: Progress) -> Result:
    """Carry out one run by as many processes as its launch has GPUs.

    Args:
        cell: the run.
        progress: told how far it is; may raise to stop it.

    Raises:
        RankError: a rank was killed or left.
        Exception: what a rank raised.
    """
    size = cell.run.launch.gpus
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    ranks: list[Rank] = []
    try:
        for number in range(size):
            part = Part(cell, Team(number, size), store.port, os.getpid())
            ranks.append(start(part))  # one by one, so that all that have started are ended
        return _listen(ranks, progress)
    finally:
        for rank in ranks:
            rank.end()


def start(part: Part) -> Rank:
    """Start a rank; what it prints goes where this process prints."""
    ours, theirs = Pipe()
    descriptor = theirs.fileno()
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    # No multiprocessing: a pool's worker is a daemon, to which it allows no children.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.engine.rank", str(descriptor)],
        pass_fds=[descriptor],
        env={**os.environ, "PYTHONPATH": path},
    )
    theirs.close()
    ours.send(part)
    return Rank(part.team, process, ours)


def _listen(ranks: Sequence[Rank], progress: Progress) -> Result:
    """The run's result, which the first rank tells."""
    links = {rank.link: rank for rank in ranks}
    while True:
        ready = cast("list[Connection]", wait(list(links)))
        heard = {link: _hear(link) for link in ready}
        for link, said in heard.items():  # a death comes before what it makes the others say
            if said is None:
                (number, size), process, _ = links[link]
                raise RankError(f"rank {number} of {size} {how_it_died(process.wait())[0]}")
        for link, said in heard.items():
            if isinstance(said, Exception):
                raise said
            if isinstance(said, Result):
                return said
            if said:
                progress(0, *said)
                link.send(None)  # waited for, so that nothing is written once the run is lost


def _hear(link: Connection) -> Said | None:
    """What a rank says; None where it is gone."""
    try:
        return cast("Said", link.recv())
    except (EOFError, OSError):
        return None
