"""What a launch shows while it runs: bars on a terminal, a line for each ended run everywhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.run.identity import Cell


class View:
    """The live view of a launch."""

    def __init__(self, console: Console, cells: list[Cell], skipped: int) -> None:
        """Show the runs to carry out, `skipped` further ones being finished already."""
        self._total = len(cells)
        self._skipped = skipped
        self._cost = 0.0
        self._shares: dict[int, tuple[Cell, float]] = {}
        self._bars: dict[int, TaskID] = {}
        self._done = self._failures = 0
        self._began = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
                   TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        self._bar = Progress(*columns, console=console, speed_estimate_period=600)
        self._overall = self._bar.add_task("", total=sum(cell.cost for cell in cells))
        self._refresh()
        self._bar.start()

    def begin(self, place: int, cell: Cell) -> None:
        """The worker on `place` starts a run."""
        self._shares[place] = (cell, 0.0)
        self._bars[place] = self._bar.add_task(_label(cell, "prepare"), total=1.0)

    def progress(self, place: int, phase: str, share: float) -> None:
        """The worker on `place` has done so much of its run."""
        cell, _ = self._shares[place]
        self._shares[place] = (cell, share)
        self._bar.update(self._bars[place], completed=share, description=_label(cell, phase))
        self._refresh()

    def end(self, place: int) -> None:
        """The worker on `place` is at no run any more."""
        self._bar.remove_task(self._bars.pop(place))
        del self._shares[place]

    def finished(self, cell: Cell, scores: str) -> None:
        """A run has finished."""
        self._count(cell)
        self.say(f"[{self._done}/{self._total}] finished {cell.folder.name}: {scores}")

    def failed(self, cell: Cell, error: str) -> None:
        """A run has failed for good."""
        self._failures += 1
        self._count(cell)
        self.say(f"[{self._done}/{self._total}] failed {cell.folder.name}: {error}")

    def settled(self, cell: Cell, how: str) -> None:
        """Another launch has ended a run."""
        self._count(cell)
        self.say(f"[{self._done}/{self._total}] {cell.folder.name}: {how}")

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the overall bar standing and end."""
        for place in list(self._bars):
            self.end(place)
        self._refresh()
        self._bar.stop()

    def _count(self, cell: Cell) -> None:
        self._done += 1
        self._cost += cell.cost
        self._refresh()

    def _refresh(self) -> None:
        running = sum(cell.cost * share for cell, share in self._shares.values())
        minutes = (time.monotonic() - self._began) / 60
        parts = [f"{self._done} of {self._total} runs"]
        parts += [f"{self._failures} failed"] if self._failures else []
        parts += [f"{self._skipped} skipped"] if self._skipped else []
        parts += [f"{self._done / minutes:.1f} a minute"] if self._done else []
        self._bar.update(
            self._overall, completed=self._cost + running, description=", ".join(parts)
        )


def _label(cell: Cell, phase: str) -> str:
    return f"  {cell.folder.name.rsplit('-', 1)[0]} {phase}"
