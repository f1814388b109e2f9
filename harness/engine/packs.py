"""Which groups of runs share a Slurm job, so that its imports are paid once: a pure plan."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from harness.config.launchers import Slurm
from harness.engine.queue import Group

WORTH = 300.0
"""Seconds of work that make up for a job's imports, some 20 s."""

Pack = list[Group]
"""Groups that one Slurm job carries out, one after another."""


def packed(groups: Sequence[Group], settings: Slurm, rate: float | None) -> list[Pack]:
    """Put groups together into jobs of about the same length.

    A job has at least `WORTH` of work where there is so much, more only where the jobs would be
    more than run at a time, and never more than half of its time limit by itself.

    Args:
        groups: the most expensive first.
        settings: how many runs a job has, or how long it may last.
        rate: seconds per unit of cost; None where nobody knows, and every group is a job.
    """
    if settings.runs_per_job != "auto":
        return _filled(groups, int(settings.runs_per_job))
    if rate is None:
        return [[group] for group in groups]
    total = sum(map(_cost, groups)) * rate
    target = min(30.0 * settings.minutes, max(WORTH, total / settings.at_once))
    return _spread(groups, min(len(groups), math.ceil(total / target)))


def _filled(groups: Sequence[Group], runs: int) -> list[Pack]:
    """Jobs of so many runs, but for the last; a larger group is a job."""
    packs: list[Pack] = []
    for group in groups:
        if not packs or sum(map(len, packs[-1])) + len(group) > runs:
            packs.append([])
        packs[-1].append(group)
    return packs


def _spread(groups: Sequence[Group], jobs: int) -> list[Pack]:
    """So many jobs: each group goes to the one with the least work."""
    packs: list[Pack] = [[] for _ in range(jobs)]
    loads = [(0.0, number) for number in range(jobs)]
    for group in groups:
        load, number = loads[0]
        packs[number].append(group)
        heapq.heapreplace(loads, (load + _cost(group), number))
    return packs


def _cost(group: Group) -> float:
    return sum(job.cell.cost for job in group)
