"""The plan of a sweep: which runs it has and who launched it, for those who look at its folder
alone. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.engine.locks import HIDDEN, wait_for
from harness.records.storage import RecordError, read_json, write_json

PLAN = "plan.json"


@dataclass(kw_only=True, slots=True)
class PlannedRun:
    """A run that a sweep is to have.

    Attributes:
        run: its folder's name.
        identity: as in its result.
        cost: tokens times parameters, as in `store.Cell`.
    """

    run: str
    identity: str
    cost: float


@dataclass(kw_only=True, slots=True)
class Launched:
    """One launch of a sweep.

    Attributes:
        started: UTC, ISO 8601.
        host: where.
        commit: of the code; "" outside a checkout.
        dirty: whether the code differed from it.
        slots: runs at a time.
        jobs: ids of the Slurm jobs that carry the runs out; empty for a launch on one machine.
    """

    started: str
    host: str
    commit: str
    dirty: bool
    slots: int
    jobs: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Plan:
    """What a sweep's folder is to hold.

    Attributes:
        runs: all that any launch asked for, in the order in which they start.
        launches: the first to the last.
    """

    runs: list[PlannedRun]
    launches: list[Launched]


def plan_file(sweep: Path) -> Path:
    """Where the plan of a sweep's folder lies."""
    return sweep / HIDDEN / PLAN


def read_plan(sweep: Path) -> Plan | None:
    """The plan of a sweep's folder; None where nothing was launched into it.

    Raises:
        RecordError: the file is damaged.
    """
    path = plan_file(sweep)
    return read_json(path, Plan) if path.is_file() else None


def add_to_plan(sweep: Path, runs: Sequence[PlannedRun], launch: Launched) -> list[str]:
    """Add a launch and the runs that it asks for.

    Returns:
        Warnings: a line where the code differs from that of the launch before.

    Raises:
        OSError: the folder cannot be written.
    """
    with wait_for(sweep / HIDDEN / f"{PLAN}.lock"):
        try:
            plan = read_plan(sweep) or Plan(runs=[], launches=[])
        except RecordError:  # by hand or by a broken disk; runs do not depend on it
            plan = Plan(runs=[], launches=[])
        before = plan.launches[-1] if plan.launches else launch
        wanted = {run.run: run for run in [*plan.runs, *runs]}
        plan = Plan(
            runs=sorted(wanted.values(), key=lambda run: -run.cost),
            launches=[*plan.launches, launch],
        )
        write_json(plan_file(sweep), plan)
    if (before.commit, before.dirty) == (launch.commit, launch.dirty):
        return []
    return [
        f"{sweep}: launched before with code {code(before)}, now with {code(launch)}; each result names its own"
    ]


def code(launch: Launched) -> str:
    """A launch's code in a word or two."""
    return f"{launch.commit[:8] or 'of no checkout'}{' with changes' if launch.dirty else ''}"


def describe(provenance: dict[str, Any], started: str, host: str, slots: int) -> Launched:
    """A launch with the code that `store.provenance` names."""
    return Launched(
        started=started,
        host=host,
        slots=slots,
        commit=str(provenance["commit"]),
        dirty=bool(provenance["dirty"]),
    )
