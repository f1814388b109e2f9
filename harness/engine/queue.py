"""Groups of runs that wait for a worker: those that may be tried now, and those that pause."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Iterable

from harness.engine.job import Job

Group = list[Job]
"""Runs that one worker carries out together."""


class Queue:
    """First come, first served; a group that pauses joins the end once its pause is over."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._ready = deque(groups)
        self._pausing: list[tuple[float, int, Group]] = []
        self._number = itertools.count()  # two groups are never compared themselves

    def __len__(self) -> int:
        """Groups that wait, pausing ones included."""
        return len(self._ready) + len(self._pausing)

    def put(self, group: Group, pause: float = 0.0) -> None:
        """Add a group that may be tried in `pause` seconds; without a pause, before all others."""
        if pause:
            entry = (time.monotonic() + pause, next(self._number), group)
            heapq.heappush(self._pausing, entry)
        else:
            self._ready.appendleft(group)

    def take(self) -> Group | None:
        """The next group that may be tried now; None where there is none."""
        while self._pausing and self._pausing[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._pausing)[2])
        return self._ready.popleft() if self._ready else None
