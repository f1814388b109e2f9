"""A sweep as one Slurm array through submitit, one job a run; `python -m harness.engine.slurm
runs/<sweep>` cancels it.

A job's end is read from what its run left behind, and only then from squeue: where accounting is
off, Slurm itself forgets how a job ended.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from harness.config.launchers import Slurm
from harness.config.schema import Run
from harness.engine.job import Job, Tally, log_of, record_failure
from harness.engine.locks import HIDDEN
from harness.engine.plan import describe, read_plan
from harness.engine.pool import BACKOFF, PoolError
from harness.engine.sweep import Outcome, enter, work_of
from harness.engine.view import View
from harness.engine.worker import Task, attempt
from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import RecordError, read_json
from harness.run.identity import finished, provenance, settled, stamp

LOOK_EVERY = 2.0
"""Seconds between two looks at what the runs left behind."""

ASK_EVERY = 10.0
"""Seconds between two questions to squeue, which a cluster's controller answers for everybody."""


LARGEST_ARRAY = 1000
"""Jobs of one array: Slurm's MaxArraySize is 1001 where nobody has raised it."""


@dataclass(slots=True)
class _Submitted:
    """A run and the Slurm job that carries it out.

    Attributes:
        job: the run.
        number: of the Slurm job, as squeue writes it.
        missed: how often squeue did not know it any more, while the run had no outcome.
    """

    job: Job
    number: str
    missed: int = 0


def launch(runs: Sequence[Run], settings: Slurm, console: Console) -> Outcome:
    """Submit every run that is not finished yet, and watch them unless `settings.detach`.

    Raises:
        ConfigError: settings or runs that cannot work, before any is submitted.
        OSError: the sweep's folder cannot be written.
        PoolError: there is no Slurm here, or it refuses the jobs.
        KeyboardInterrupt: Ctrl-C; the jobs are cancelled.
    """
    settings.check()
    work = work_of(runs, console)
    if not work.todo:
        return Outcome(0, work.skipped, work.failed)
    jobs = []
    for cell in work.todo:
        run = cell.run if cell.run.threads else replace(cell.run, threads=settings.cpus)
        jobs.append(Job(cell._replace(run=run), stamp(cell.folder)))
    sweep = work.todo[0].folder.parent
    started = datetime.now(UTC).isoformat(timespec="seconds")
    launched = describe(provenance(), started, platform.node(), min(settings.at_once, len(jobs)))
    sweep.mkdir(parents=True, exist_ok=True)  # told here in one line, not by submitit
    submitted = _submit(jobs, settings, sweep)
    arrays = sorted({each.number.split("_")[0] for each in submitted})
    enter(work.cells, replace(launched, jobs=arrays), console)
    console.print(f"submitted {len(jobs)} runs as Slurm job {', '.join(arrays)}", highlight=False)
    if settings.detach:
        console.print(f"see them with: python -m harness.engine.status {sweep}", highlight=False)
        return Outcome(0, work.skipped, work.failed)
    view = View(console, work.todo, work.skipped)
    tally = _watch(submitted, settings, sweep, view)
    return Outcome(tally.finished, work.skipped, work.failed + tally.failed)


def _submit(jobs: Sequence[Job], settings: Slurm, sweep: Path) -> list[_Submitted]:
    """Hand runs to Slurm: one array, each run with its resolved config frozen.

    Raises:
        PoolError: there is no Slurm here, or it refuses.
    """
    try:
        import submitit
        from submitit.core.utils import FailedJobError
    except ImportError:
        raise PoolError(
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
        tasks = [Task(job.cell, job.before, job.attempt) for job in jobs]
        handles = []
        for first in range(0, len(tasks), LARGEST_ARRAY):
            part = tasks[first : first + LARGEST_ARRAY]
            handles += executor.map_array(carry_out, part, [settings.retries] * len(part))
    except (RuntimeError, FailedJobError, subprocess.CalledProcessError) as error:
        raise PoolError(f"Slurm: {str(error).splitlines()[0]}") from None
    return [_Submitted(job, handle.job_id) for job, handle in zip(jobs, handles, strict=True)]


def carry_out(task: Task, retries: int) -> None:
    """What a Slurm job does: try a run until it has an outcome. A job that is killed leaves
    none.
    """
    from harness.run.warm import Warm

    warm = Warm()
    while not settled(task.cell.folder, task.before):
        ended = attempt(task, lambda _: None, warm)
        if ended.kind == "taken":
            time.sleep(LOOK_EVERY)
        elif ended.kind == "failed" or (ended.kind == "broken" and task.attempt > retries):
            record_failure(Job(task.cell, task.before, task.attempt), ended.text, ended.trace, "")
        elif ended.kind == "broken":
            time.sleep(BACKOFF * 2 ** (task.attempt - 1))
            task = task._replace(attempt=task.attempt + 1)


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
            lost = []
            for each in list(waiting):
                if settled(each.job.cell.folder, each.job.before):
                    waiting.remove(each)
                    _count(each.job, tally, view)
                elif alive is not None:
                    # Twice, since a job may end, and a file server show its result, between our two
                    # looks.
                    each.missed = 0 if each.number in alive else each.missed + 1
                    if each.missed > 1:
                        waiting.remove(each)
                        lost.append(each.job)
            waiting += _again(lost, settings, sweep, tally, view)
    except KeyboardInterrupt:
        cancel(sorted({each.number.split("_")[0] for each in waiting}))
        raise
    finally:
        view.stop()
    return tally


def _count(job: Job, tally: Tally, view: View) -> None:
    folder = job.cell.folder
    if finished(folder):
        tally.finished += 1
        view.finished(job.cell, read_json(folder / RESULT, Result).headline())
    else:
        tally.failed += 1
        view.failed(job.cell, read_json(folder / FAILURE, Failure).error)


def _again(
    lost: list[Job], settings: Slurm, sweep: Path, tally: Tally, view: View
) -> list[_Submitted]:
    """Submit runs again whose jobs are gone; record those as failed that have had all their
    tries.
    """
    retried = []
    for job in lost:
        if job.attempt > settings.retries:
            error = "its Slurm job ended without an outcome: killed, or out of time or memory"
            try:
                record_failure(job, error, log_of(job), "SIGKILL")
            except OSError as problem:
                view.say(f"{job.cell.folder.name}: its failure cannot be recorded: {problem}")
            tally.failed += 1
            view.failed(job.cell, error)
        else:
            view.say(
                f"{job.cell.folder.name}: its Slurm job ended without an outcome, submitted again"
            )
            job.attempt += 1
            retried.append(job)
    return _submit(retried, settings, sweep) if retried else []


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
        PoolError: there is no Slurm here.
    """
    try:
        subprocess.run(["scancel", *jobs], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise PoolError(f"scancel: {error}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: cancel what a sweep has in Slurm; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.engine.slurm", description="Cancel a sweep's Slurm jobs."
    )
    parser.add_argument("sweep", type=Path, help="folder of a sweep")
    given = parser.parse_args(arguments)
    try:
        plan = read_plan(given.sweep)
        jobs = [job for launched in plan.launches for job in launched.jobs] if plan else []
        if not jobs:
            raise RecordError(f"{given.sweep}: no sweep was launched to Slurm here")
        cancel(jobs)
    except (RecordError, PoolError) as error:
        print(f"harness.slurm: {error}", file=sys.stderr)
        return 2
    print(f"cancelled {', '.join(jobs)}; the same command continues the sweep")
    return 0


if __name__ == "__main__":
    sys.exit(main())
