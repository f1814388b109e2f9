"""The plan of a sweep: which runs it has and who launched it, for those who look at its folder
alone. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.engine.locks import HIDDEN, wait_for
from harness.records.counted import counted
from harness.records.storage import RecordError, read_json, write_json

PLAN = "plan.json"


@dataclass(kw_only=True, slots=True)
class PlannedRun:
    """A run that a sweep is to have.

    Attributes:
        run: its folder's name.
        identity: as in its result.
        contents: sixteen hex digits over the contents of its data, weights and tokenizer.
        cost: tokens times parameters, as in `harness.run.identity.Cell`.
        threads: CPU threads, fixed when the run is first planned: with another number its figures
            would differ by rounding.
        label: `key=value, …` of what tells it from the other runs of its launch and stands not in
            its name.
    """

    run: str
    identity: str
    contents: str
    cost: float
    threads: int
    label: str = ""


@dataclass(kw_only=True, slots=True)
class Launched:
    """One launch of a sweep.

    Attributes:
        started: UTC, ISO 8601.
        host: the machine's name.
        commit: of the code; "" outside a checkout.
        dirty: whether the code differed from it.
        launcher: which one.
        jobs: ids of the Slurm jobs that carry the runs out; empty for a launch on one machine.
    """

    started: str
    host: str
    commit: str
    dirty: bool
    launcher: str
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


@dataclass(kw_only=True, slots=True)
class OutlinedRun:
    """What those who look at a sweep need of a `PlannedRun`."""

    run: str
    cost: float
    label: str = ""


@dataclass(kw_only=True, slots=True)
class Outline:
    """What those who look at a sweep need of a `Plan`: of 100,000 runs it is read in half the
    time.
    """

    runs: list[OutlinedRun]
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


def read_outline(sweep: Path) -> Outline | None:
    """The same as `read_plan`, in outline.

    Raises:
        RecordError: the file is damaged.
    """
    path = plan_file(sweep)
    return read_json(path, Outline) if path.is_file() else None


def add_to_plan(
    sweep: Path, runs: Sequence[PlannedRun], launched: Launched, *, anew: bool = False
) -> tuple[dict[str, PlannedRun], list[str]]:
    """Add a launch and the runs that it asks for.

    Args:
        sweep: the sweep's folder.
        runs: what is asked for.
        launched: by whom.
        anew: whether runs that are planned already are planned anew.

    Returns:
        Each run by its identity, with the folder and the threads that it was first planned with.
        And lines on what differs from the launch before.

    Raises:
        OSError: the folder cannot be written.
    """
    with wait_for(sweep / HIDDEN / f"{PLAN}.lock"):
        lines = []
        try:
            plan = read_plan(sweep) or Plan(runs=[], launches=[])
        except RecordError as error:  # by hand or by a broken disk; results do not depend on it
            lines.append(f"{error}; planned anew")
            plan = Plan(runs=[], launches=[])
        lines += _changes(plan, runs, launched)
        wanted = {run.identity: run for run in plan.runs}
        for run in runs:
            before = wanted.get(run.identity)
            if before is not None:
                threads = run.threads if anew else before.threads
                run = replace(run, run=before.run, label=before.label, threads=threads)
            wanted[run.identity] = run
        plan.runs = sorted(wanted.values(), key=lambda run: -run.cost)
        plan.launches.append(launched)
        write_json(plan_file(sweep), plan)
    asked = {run.identity: wanted[run.identity] for run in runs}
    return asked, [f"{sweep}: {line}" for line in lines]


def add_jobs(sweep: Path, jobs: Sequence[str]) -> None:
    """Note the Slurm jobs of the last launch.

    Raises:
        OSError: the folder cannot be written.
        RecordError: the plan is damaged.
    """
    with wait_for(sweep / HIDDEN / f"{PLAN}.lock"):
        plan = read_plan(sweep)
        if plan and plan.launches:
            plan.launches[-1].jobs += jobs
            write_json(plan_file(sweep), plan)


def _changes(plan: Plan, runs: Sequence[PlannedRun], launched: Launched) -> list[str]:
    """What differs from what was planned before, a line each."""
    lines = []
    asked = {run.identity for run in runs}
    # A run's name without its identity tells mask, model, data, size, seed and what is swept.
    contents: dict[str, set[str]] = {}
    for run in runs:
        contents.setdefault(_condition(run), set()).add(run.contents)
    others = sum(
        run.identity not in asked
        and run.contents not in contents.get(_condition(run), {run.contents})
        for run in plan.runs
    )
    if others:
        lines.append(
            f"{counted(others, 'run')} planned here on other contents of data, weights or "
            "tokenizer: kept, as conditions of their own"
        )
    before = plan.launches[-1] if plan.launches else launched
    if (before.commit, before.dirty) != (launched.commit, launched.dirty):
        lines.append(
            f"launched before with code {code(before)}, now with {code(launched)}; "
            "each result names its own"
        )
    return lines


def _condition(run: PlannedRun) -> str:
    return run.run.rsplit("-", 1)[0]


def code(launched: Launched) -> str:
    """A launch's code in a word or two."""
    return f"{launched.commit[:8] or 'of no checkout'}{' with changes' if launched.dirty else ''}"


def describe(provenance: dict[str, Any], started: str, host: str, launcher: str) -> Launched:
    """A launch with the code that `harness.run.identity.provenance` names."""
    return Launched(
        started=started,
        host=host,
        launcher=launcher,
        commit=str(provenance["commit"]),
        dirty=bool(provenance["dirty"]),
    )
