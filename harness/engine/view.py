"""What a launch shows while it runs: bars on a terminal, a line for each ended run everywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.engine.job import Job
from harness.records.counted import counted
from harness.records.visible import visible

LINES = 200
"""Runs of a launch up to which every finished run has a line of its own."""

MOST_BARS = 32
"""Workers with a bar of their own, about what a terminal shows."""

SUM_UP_EVERY = 2.0
"""Seconds between two lines for finished runs of a larger launch."""


class _Bar:
    """The bar of one worker, if it has one, and the runs of its group that have not ended."""

    def __init__(self, task: TaskID | None, group: Sequence[Job]) -> None:
        self.task = task
        self.open = {job.name: job for job in group}
        self.part = 0.0

    def label(self, run: str, phase: str) -> str:
        """What stands before the bar."""
        job = self.open.get(run) or next(iter(self.open.values()))
        name = job.name.rsplit("-", 1)[0]  # without the hash
        more = f" and {len(self.open) - 1} more" if len(self.open) > 1 else ""
        return f"  {name}{more} {phase}"

    def cost(self, run: str) -> float:
        """The cost of a run, or of all that have not ended."""
        if run in self.open:
            return self.open[run].cell.cost
        return sum(job.cell.cost for job in self.open.values())


class _Bars(Progress):
    """Bars that are drawn ten times a second on a terminal, and not once more whenever one comes:
    with many workers that would take longer than to hand out a run.
    """

    def refresh(self) -> None:
        """Nothing; the clock draws."""


class View:
    """The live view of a launch."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        """Show the runs to carry out."""
        self._total = len(jobs)
        self._cost = 0.0
        self._bars: dict[int, _Bar] = {}
        self._done = self._failures = self._unsaid = 0
        self._began = self._summed_up = time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._progress = _Bars(
            *columns,
            console=console,
            auto_refresh=console.is_terminal,
            speed_estimate_period=600,
        )
        self._overall = self._progress.add_task("", total=sum(job.cell.cost for job in jobs))
        self._refresh()
        self._progress.start()

    def begin(self, place: int, group: Sequence[Job]) -> None:
        """The worker on `place` starts a group of runs."""
        shown = len(self._bars) < MOST_BARS
        task = self._progress.add_task("", total=1.0) if shown else None
        bar = self._bars[place] = _Bar(task, group)
        if bar.task is not None:
            self._progress.update(bar.task, description=bar.label("", "prepare"))

    def progress(self, place: int, run: str, phase: str, share: float) -> None:
        """The worker on `place` has done so much of a run, or of its group where `run` is ""."""
        bar = self._bars[place]
        if not bar.open:
            return
        bar.part = bar.cost(run) * share
        if bar.task is not None:
            self._progress.update(bar.task, completed=share, description=bar.label(run, phase))
            self._refresh()

    def end(self, place: int, job: Job) -> None:
        """The worker on `place` is at a run no more."""
        bar = self._bars[place]
        del bar.open[job.name]
        bar.part = 0.0

    def idle(self, place: int) -> None:
        """The worker on `place` is at no run any more."""
        bar = self._bars.pop(place, None)
        if bar and bar.task is not None:
            self._progress.remove_task(bar.task)

    def finished(self, job: Job, scores: str) -> None:
        """A run has finished."""
        self._count(job)
        now = time.monotonic()
        if self._total <= LINES:
            self._tell(f"finished {_named(job)}: {scores}")
        elif now - self._summed_up < SUM_UP_EVERY and self._done < self._total:
            self._unsaid += 1
        else:
            more = f" and {self._unsaid} before it" if self._unsaid else ""
            self._tell(f"finished {_named(job)}{more}: {scores}")
            self._summed_up, self._unsaid = now, 0

    def failed(self, job: Job, error: str) -> None:
        """A run has failed for good."""
        self._failures += 1
        self._count(job)
        self._tell(f"failed {_named(job)}: {error}")

    def settled(self, job: Job, how: str) -> None:
        """Another launch has ended a run."""
        self._count(job)
        self._tell(f"{job.name}: {how}")

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the overall bar standing and end."""
        for place in list(self._bars):
            self.idle(place)
        self._refresh()
        self._progress.stop()

    def _tell(self, text: str) -> None:
        self.say(f"[{self._done}/{self._total}] {text}")

    def _count(self, job: Job) -> None:
        self._done += 1
        self._cost += job.cell.cost
        self._refresh()

    def _refresh(self) -> None:
        under_way = sum(bar.part for bar in self._bars.values())
        minutes = (time.monotonic() - self._began) / 60
        parts = [f"{self._done} of {counted(self._total, 'run')}"]
        parts += [f"{self._failures} failed"] if self._failures else []
        parts += [f"{self._done / minutes:.1f} a minute"] if self._done else []
        self._progress.update(
            self._overall, completed=self._cost + under_way, description=", ".join(parts)
        )


def _named(job: Job) -> str:
    """A run's name, and the swept keys that its name does not tell."""
    return f"{job.name} ({job.label})" if job.label else job.name
