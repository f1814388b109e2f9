"""Weights & Biases: offline unless $WANDB_MODE says otherwise; `wandb sync` sends it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.mirrors.reading import Trace

PROJECT = "prompt-mask-harness"


def show(trace: Trace, folder: Path) -> None:
    """Log what is new of a run: its sweep is the group, its hash the id, so that it is resumed."""
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=trace.sweep,
        id=trace.id,
        name=trace.run,
        resume="allow",
        mode=os.environ.get("WANDB_MODE", "offline"),
        dir=str(folder),
        config=trace.config,
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    for step, values in trace.rows:
        run.log(values, step=step)
    run.summary.update(trace.summary)
    run.finish()
