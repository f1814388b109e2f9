"""A process among those that carry out one run: `python -m harness.engine.rank DESCRIPTOR`, as
`harness.engine.ranks` starts it.
"""

from __future__ import annotations

import faulthandler
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch

from harness.engine.worker import die_with, keep_memory
from harness.models import device
from harness.records import Result
from harness.run.execute import execute_group
from harness.run.identity import Cell
from harness.run.warm import Warm
from harness.train.team import Team, follow, join

Said = Result | Exception | tuple[str, float]
"""What a rank tells: the run's result, what it failed with, or phase and share of the work done."""


class Part(NamedTuple):
    """What a rank is told.

    Attributes:
        cell: the run.
        team: the rank's place.
        port: where the TCPStore listens at which ranks meet.
        parent: id of the process that started it.
    """

    cell: Cell
    team: Team
    port: int
    parent: int


def work(link: Connection) -> None:
    """Do one's part of a run, tell how it ended, and wait to be ended.

    Args:
        link: to the process that started this one.
    """
    part: Part = link.recv()
    die_with(part.parent)
    keep_memory()
    faulthandler.enable()
    try:
        link.send(_carry_out(part, link))
    except Exception as error:  # whatever it is, the run's outcome tells of it
        traceback.print_exception(error)
        link.send(_portable(error))
    sys.stdout.flush()
    link.recv()


def _carry_out(part: Part, link: Connection) -> Said:
    """The outcome of the run, on the first rank; the others have none and wait for the end."""
    launch = part.cell.run.launch
    torch.set_num_threads(int(launch.threads))
    on_gpu = device.resolve(launch.device).type == "cuda"
    join(part.team, part.port, on_gpu)
    chosen = device.resolve(launch.device)
    if part.team.rank:
        follow(part.team, chosen)
        link.recv()

    def tell(_: int, phase: str, share: float) -> None:
        link.send((phase, share))
        link.recv()

    (outcome,) = execute_group([part.cell], tell, Warm(), part.team)
    return outcome


def _portable(error: Exception) -> Exception:
    """The error, or what can be told of it where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # errors of libraries take arguments of all kinds
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first parent decides
    work(Connection(int(sys.argv[1])))
