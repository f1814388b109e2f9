"""Where a run's time goes, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up the seconds of a run's phases; what a phase inside another takes counts for the inner
    one alone.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._phase: str | None = None
        self._since = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside the `with` block for the phase `name`."""
        outer = self._phase
        self._turn(name)
        yield
        self._turn(outer)

    def read(self) -> dict[str, float]:
        """Phase -> wall seconds so far, the present phase's included."""
        self._turn(self._phase)
        return dict(self._seconds)

    def add(self, seconds: dict[str, float]) -> None:
        """Take in what an earlier try of the run has spent."""
        for name, spent in seconds.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + spent

    def _turn(self, phase: str | None) -> None:
        now = time.perf_counter()
        if self._phase is not None:
            self.add({self._phase: now - self._since})
        self._phase, self._since = phase, now
