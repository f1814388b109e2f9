"""The launcher `pool`: worker processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from harness.config.launchers import Pool as Settings
from harness.config.schema import with_launch
from harness.engine.job import Job
from harness.engine.launchers import Outcome
from harness.engine.pool import Pool
from harness.engine.process import Processes
from harness.engine.slots import gpus, places, stack_limit, teams, workers
from harness.engine.stacks import stackable
from harness.engine.view import View


def launch(jobs: Sequence[Job], settings: Settings, console: Console) -> Outcome:
    """Carry out runs in worker processes.

    Args:
        jobs: the runs.
        settings: how many workers, and what they may cost.
        console: where progress is shown.

    Raises:
        LaunchError: no worker can be started.
        KeyboardInterrupt: stopped by Ctrl-C; what had finished by then is kept.
    """
    runs = [job.cell.run for job in jobs]
    visible = teams(gpus({run.launch.device for run in runs}), runs[0].launch.gpus)
    count = min(workers(visible, settings, runs), len(jobs))
    by_name = {job.name: job for job in jobs}
    if len(visible) == 1:  # a worker sees its one GPU under another name
        for job in jobs:
            if job.cell.run.launch.device.startswith("cuda:"):
                job.cell = job.cell._replace(run=with_launch(job.cell.run, device="cuda"))
    stacked = stackable(
        [job.cell for job in jobs],
        lambda alike: stack_limit(alike, len(visible), count),
        count,
    )
    groups = [[by_name[cell.folder.name] for cell in group] for group in stacked]
    view = View(console, jobs)
    crew = Processes(places(visible, min(count, len(groups))))
    tally = Pool(groups, crew, settings.retries, settings.timeout, view).drain()
    return Outcome(tally.finished, tally.elsewhere, tally.failed)
