"""Trackio: a local database below $TRACKIO_DIR, or the sweep's folder where that is not set."""

from __future__ import annotations

import os
from pathlib import Path

from harness.mirrors.reading import Trace


def show(trace: Trace, folder: Path) -> None:
    """Log what is new of a run; its sweep is the project."""
    os.environ.setdefault("TRACKIO_DIR", str(folder.resolve()))
    import trackio

    trackio.init(
        project=trace.sweep,
        name=trace.run,
        config={**trace.config, "identity": trace.id},
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    for step, values in trace.rows:
        trackio.log(values, step=step)
    if trace.summary:
        last = trace.rows[-1][0] if trace.rows else 0
        trackio.log({f"result/{name}": value for name, value in trace.summary.items()}, step=last)
    trackio.finish()
