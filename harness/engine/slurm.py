"""The launcher `slurm`: a sweep as one Slurm array through submitit, a few groups of runs a job.

A job's end is read from what its runs left behind, and only then from squeue: where accounting is
off, Slurm itself forgets how a job ended.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.config.launchers import Slurm
from harness.engine.estimate import rate_of
from harness.engine.job import Job, Tally, log_of, record_failure, went_down
from harness.engine.launchers import LaunchError, Outcome
from harness.engine.locks import HIDDEN
from harness.engine.packs import Pack, packed
from harness.engine.plan import add_jobs
from harness.engine.queue import Group
from harness.engine.slurm_job import carry_out
from harness.engine.stacks import stackable
from harness.engine.view import View
from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.counted import counted
from harness.records.storage import read_json
from harness.run.identity import finished, settled

LOOK_EVERY = 2.0
"""Seconds between two looks at what the runs left behind."""

ASK_EVERY = 10.0
"""Seconds between two questions to squeue, which a cluster's controller answers for everybody."""


LARGEST_ARRAY = 1000
"""Jobs of one array: Slurm's MaxArraySize is 1001 where nobody has raised it."""


@dataclass(slots=True)
class _Submitted:
    """Groups of runs and the Slurm job that carries them out.

    Attributes:
        groups: their runs that have no outcome yet; none of them is empty.
        number: of the Slurm job, as squeue writes it.
        missed: how often squeue did not know it any more, while a run had no outcome.
    """

    groups: Pack
    number: str
    missed: int = 0


def launch(jobs: Sequence[Job], settings: Slurm, console: Console) -> Outcome:
    """Submit runs to Slurm, and watch them unless `settings.detach`.

    Raises:
        OSError: the sweep's folder cannot be written.
        LaunchError: there is no Slurm here, or it refuses the jobs, or these have too few GPUs.
        KeyboardInterrupt: Ctrl-C; the jobs are cancelled.
    """
    for job in jobs:
        wanted = job.cell.run.launch
        if settings.gpus < wanted.gpus > 1 and wanted.device != "cpu":
            raise LaunchError(
                f"gpus={wanted.gpus}: a job has hydra.launcher.gpus={settings.gpus}, "
                f"expected {wanted.gpus} or more"
            )
    sweep = jobs[0].cell.folder.parent
    groups = _groups(jobs, settings)
    packs = packed(groups, settings, _rate(jobs, settings))
    submitted = _submit(packs, settings, sweep)
    arrays = sorted({each.number.split("_")[0] for each in submitted})
    add_jobs(sweep, arrays)
    console.print(
        f"submitted {counted(len(jobs), 'run')} as Slurm job {', '.join(arrays)} of {len(packs)}",
        highlight=False,
    )
    if settings.detach:
        console.print(f"see them with: harness status {sweep}", highlight=False)
        return Outcome(0, 0, 0, pending=len(jobs))
    tally = _watch(submitted, settings, sweep, View(console, jobs))
    return Outcome(tally.finished, tally.elsewhere, tally.failed)


def _rate(jobs: Sequence[Job], settings: Slurm) -> float | None:
    """Seconds per unit of cost of these runs; None where nobody knows."""
    if settings.runs_per_job != "auto":
        return None
    rate = rate_of([job.cell for job in jobs], on_gpu=bool(settings.gpus))
    return rate and rate.seconds


def _groups(jobs: Sequence[Job], settings: Slurm) -> list[Group]:
    """Runs that train together: `stack` of them; one where it is `auto`, for the memory of the
    cluster's GPUs is not known here.
    """
    by_name = {job.name: job for job in jobs}
    stacked = stackable(
        [job.cell for job in jobs],
        lambda alike: 1 if alike[0].launch.stack == "auto" else int(alike[0].launch.stack),
        settings.at_once,
    )
    return [[by_name[cell.folder.name] for cell in group] for group in stacked]


def _submit(packs: Sequence[Pack], settings: Slurm, sweep: Path) -> list[_Submitted]:
    """Hand runs to Slurm, a job for each pack: one array, each run with its config frozen.

    Raises:
        LaunchError: there is no Slurm here, or it refuses.
    """
    try:
        import submitit
        from submitit.core.utils import FailedJobError
    except ImportError:
        raise LaunchError(
            "hydra/launcher=slurm needs submitit: pip install 'prompt-mask-harness[slurm]'"
        ) from None
    parameters = {
        "job_name": sweep.name,
        "time": settings.minutes,
        "cpus_per_task": settings.cpus,
        "array_parallelism": settings.at_once,
        "additional_parameters": dict(settings.extra),
        **({"partition": settings.partition} if settings.partition else {}),
        **({"gpus_per_node": settings.gpus} if settings.gpus else {}),
        **({"mem": f"{settings.memory_gb}GB"} if settings.memory_gb else {}),
    }
    try:
        executor = submitit.SlurmExecutor(folder=sweep / HIDDEN / "slurm" / "%j", max_num_timeout=0)
        executor.update_parameters(**parameters)
        tasks = [[[job.next_try() for job in group] for group in pack] for pack in packs]
        handles = []
        for first in range(0, len(tasks), LARGEST_ARRAY):
            part = tasks[first : first + LARGEST_ARRAY]
            handles += executor.map_array(carry_out, part, [settings.retries] * len(part))
    except (RuntimeError, FailedJobError, subprocess.CalledProcessError) as error:
        raise LaunchError(f"Slurm: {str(error).splitlines()[0]}") from None
    return [_Submitted(pack, handle.job_id) for pack, handle in zip(packs, handles, strict=True)]


def _watch(submitted: list[_Submitted], settings: Slurm, sweep: Path, view: View) -> Tally:
    """Wait until every run has an outcome; submit those again whose jobs vanished without leaving
    one.
    """
    tally = Tally()
    waiting = list(submitted)
    asked = time.monotonic()
    try:
        while waiting:
            time.sleep(LOOK_EVERY)
            alive: set[str] | None = None
            if time.monotonic() - asked > ASK_EVERY:
                asked, alive = time.monotonic(), known_jobs()
            lost: list[Pack] = []
            for each in list(waiting):
                _count_ended(each, tally, view)
                if not each.groups:
                    waiting.remove(each)
                elif alive is not None:
                    # Twice, since a job may end, and a file server show its result, between our two
                    # looks.
                    each.missed = 0 if each.number in alive else each.missed + 1
                    if each.missed > 1:
                        waiting.remove(each)
                        lost.append(each.groups)
            waiting += _again(lost, settings, sweep, tally, view)
    except KeyboardInterrupt:
        cancel(sorted({each.number.split("_")[0] for each in waiting}))
        raise
    finally:
        view.stop()
    return tally


def _count_ended(submitted: _Submitted, tally: Tally, view: View) -> None:
    """Count the runs of a job that have an outcome, and take them out of it."""
    for job in [job for group in submitted.groups for job in group]:
        folder = job.cell.folder
        if not settled(folder, job.before):
            continue
        left = [[other for other in group if other is not job] for group in submitted.groups]
        submitted.groups = list(filter(None, left))
        if finished(folder):
            tally.finished += 1
            view.finished(job, read_json(folder / RESULT, Result).headline())
        else:
            tally.failed += 1
            view.failed(job, read_json(folder / FAILURE, Failure).error)


def _again(
    lost: Sequence[Pack], settings: Slurm, sweep: Path, tally: Tally, view: View
) -> list[_Submitted]:
    """Submit runs again whose jobs are gone; record those as failed that have had all their
    tries. What a job had not begun costs no try, and is a job again.
    """
    packs: list[Pack] = []
    for pack in lost:
        begun = [group for group in pack if any(map(log_of, group))] or pack[:1]
        for group in begun:
            packs += [[each] for each in _tried(group, settings, tally, view)]
        rest = [group for group in pack if group not in begun]
        packs += [rest] if rest else []
    for pack in packs:
        count = sum(map(len, pack))
        more = f" and {count - 1} more" if count > 1 else ""
        name = pack[0][0].name
        view.say(f"{name}{more}: its Slurm job ended without an outcome, submitted again")
    return _submit(packs, settings, sweep) if packs else []


def _tried(group: Group, settings: Slurm, tally: Tally, view: View) -> list[Group]:
    """The groups in which runs are tried again that were under way when their job vanished."""
    (job, *others) = group
    if others:
        return went_down(group)
    if job.attempt <= settings.retries:
        job.attempt += 1
        return [group]
    error = "its Slurm job ended without an outcome: killed, or out of time or memory"
    try:
        record_failure(job, error, log_of(job), "SIGKILL")
    except OSError as problem:
        view.say(f"{job.name}: its failure cannot be recorded: {problem}")
    tally.failed += 1
    view.failed(job, error)
    return []


def known_jobs() -> set[str] | None:
    """Numbers of all jobs of this user that Slurm still knows; None where it does not answer."""
    try:
        command = ["squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return set(done.stdout.split())


def cancel(jobs: Sequence[str]) -> None:
    """Cancel Slurm jobs; those that have ended are no matter.

    Raises:
        LaunchError: there is no Slurm here.
    """
    try:
        subprocess.run(["scancel", *jobs], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise LaunchError(f"scancel: {error}") from None
