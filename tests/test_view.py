"""What a launch shows while it runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from harness.engine.cells import cells_of
from harness.engine.job import Job
from harness.engine.view import View
from harness.run.identity import stamp
from tests.tiny_sweep import toy_runs


def test_a_bar_that_comes_or_goes_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [Job(cell, stamp(cell.folder)) for cell in cells_of(toy_runs(tmp_path, 2))]
    drawn: list[str] = []
    draw = Live.refresh

    def counted(live: Live) -> None:
        drawn.append("")
        draw(live)

    monkeypatch.setattr(Live, "refresh", counted)
    console = Console(file=io.StringIO(), width=100)
    view = View(console, jobs)
    for place, job in enumerate(jobs):
        view.begin(place, [job])
        view.progress(place, job.name, "train", 0.5)
        view.end(place, job)
        view.finished(job, "held-out response NLL 1.000")
        view.idle(place)
    assert len(drawn) == 1  # at the start
    view.stop()
    said = console.file.getvalue()  # type: ignore[attr-defined]  # of StringIO
    assert len(drawn) == 2 and "2 of 2 runs" in said and "[2/2] finished full-nano" in said
