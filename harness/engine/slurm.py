"""The launcher `slurm`: a sweep as one Slurm array through submitit, one job a group of runs.

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
from harness.engine.attempt import Message, Try, attempt
from harness.engine.job import Job, Tally, log_of, record_failure, went_down
from harness.engine.launchers import LaunchError, Outcome
from harness.engine.locks import HIDDEN
from harness.engine.plan import add_jobs
from harness.engine.pool import BACKOFF
from harness.engine.queue import Group
from harness.engine.stacks import stackable
from harness.engine.view import View
from harness.records import FAILURE, RESULT, Failure, Result
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
    """A group of runs and the Slurm job that carries it out.

    Attributes:
        group: its runs that have no outcome yet.
        number: of the Slurm job, as squeue writes it.
        missed: how often squeue did not know it any more, while a run had no outcome.
    """

    group: Group
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
    submitted = _submit(_groups(jobs, settings), settings, sweep)
    arrays = sorted({each.number.split("_")[0] for each in submitted})
    add_jobs(sweep, arrays)
    console.print(f"submitted {len(jobs)} runs as Slurm job {', '.join(arrays)}", highlight=False)
    if settings.detach:
        console.print(f"see them with: harness status {sweep}", highlight=False)
        return Outcome(0, 0, 0, pending=len(jobs))
    tally = _watch(submitted, settings, sweep, View(console, jobs))
    return Outcome(tally.finished, tally.elsewhere, tally.failed)


def _groups(jobs: Sequence[Job], settings: Slurm) -> list[Group]:
    """The runs of each Slurm job: `stack` of them; one where it is `auto`, for the memory of the
    cluster's GPUs is not known here.
    """
    by_name = {job.name: job for job in jobs}
    stacked = stackable(
        [job.cell for job in jobs],
        lambda alike: 1 if alike[0].launch.stack == "auto" else int(alike[0].launch.stack),
        settings.at_once,
    )
    return [[by_name[cell.folder.name] for cell in group] for group in stacked]


def _submit(groups: Sequence[Group], settings: Slurm, sweep: Path) -> list[_Submitted]:
    """Hand groups of runs to Slurm: one array, each run with its resolved config frozen.

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
        tasks = [[job.next_try() for job in group] for group in groups]
        handles = []
        for first in range(0, len(tasks), LARGEST_ARRAY):
            part = tasks[first : first + LARGEST_ARRAY]
            handles += executor.map_array(carry_out, part, [settings.retries] * len(part))
    except (RuntimeError, FailedJobError, subprocess.CalledProcessError) as error:
        raise LaunchError(f"Slurm: {str(error).splitlines()[0]}") from None
    return [_Submitted(group, handle.job_id) for group, handle in zip(groups, handles, strict=True)]


def carry_out(tries: Sequence[Try], retries: int) -> None:
    """What a Slurm job does: try its runs until each has an outcome.

    A job that is killed leaves none for those that it had not ended.
    """
    from harness.run.warm import Warm

    warm = Warm()
    waiting = list(tries)
    while waiting := [each for each in waiting if not settled(each.cell.folder, each.before)]:
        messages: list[Message] = []
        attempt(waiting, messages.append, warm)
        ended = {message.run: message for message in messages if message.kind != "progress"}
        if "" in ended:  # all of them ended with an error, or are too many for the memory
            for each in waiting:
                carry_out([each], retries)
            return
        pause = 0.0
        for place, each in enumerate(waiting):
            message = ended.get(each.cell.folder.name)
            if message is None:
                continue
            if message.kind == "taken":
                pause = max(pause, LOOK_EVERY)
            elif message.kind == "failed" or (message.kind == "broken" and each.number > retries):
                job = Job(each.cell, each.before, attempt=each.number)
                record_failure(job, message.text, message.trace, outside=message.outside)
            elif message.kind == "broken":
                pause = max(pause, BACKOFF * 2 ** (each.number - 1))
                waiting[place] = each._replace(number=each.number + 1)
        time.sleep(pause)


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
            lost: list[Group] = []
            for each in list(waiting):
                _count_ended(each, tally, view)
                if not each.group:
                    waiting.remove(each)
                elif alive is not None:
                    # Twice, since a job may end, and a file server show its result, between our two
                    # looks.
                    each.missed = 0 if each.number in alive else each.missed + 1
                    if each.missed > 1:
                        waiting.remove(each)
                        lost.append(each.group)
            waiting += _again(lost, settings, sweep, tally, view)
    except KeyboardInterrupt:
        cancel(sorted({each.number.split("_")[0] for each in waiting}))
        raise
    finally:
        view.stop()
    return tally


def _count_ended(submitted: _Submitted, tally: Tally, view: View) -> None:
    """Count the runs of a group that have an outcome, and take them out of it."""
    for job in list(submitted.group):
        folder = job.cell.folder
        if not settled(folder, job.before):
            continue
        submitted.group.remove(job)
        if finished(folder):
            tally.finished += 1
            view.finished(job, read_json(folder / RESULT, Result).headline())
        else:
            tally.failed += 1
            view.failed(job, read_json(folder / FAILURE, Failure).error)


def _again(
    lost: Sequence[Group], settings: Slurm, sweep: Path, tally: Tally, view: View
) -> list[_Submitted]:
    """Submit runs again whose jobs are gone; record those as failed that have had all their
    tries.
    """
    groups: list[Group] = []
    for group in lost:
        (job, *others) = group
        if others:
            groups += went_down(group)
        elif job.attempt > settings.retries:
            error = "its Slurm job ended without an outcome: killed, or out of time or memory"
            try:
                record_failure(job, error, log_of(job), "SIGKILL")
            except OSError as problem:
                view.say(f"{job.name}: its failure cannot be recorded: {problem}")
            tally.failed += 1
            view.failed(job, error)
        else:
            job.attempt += 1
            groups.append(group)
    for group in groups:
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        view.say(f"{group[0].name}{more}: its Slurm job ended without an outcome, submitted again")
    return _submit(groups, settings, sweep) if groups else []


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
