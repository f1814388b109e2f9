"""TensorBoard: event files, a folder for each run; `tensorboard --logdir` shows them."""

from __future__ import annotations

from pathlib import Path

import yaml

from harness.mirrors.reading import Trace


def show(trace: Trace, folder: Path) -> None:
    """Write what is new of a run."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / trace.run)) as writer:
        if not trace.begun:
            writer.add_text("config", f"```yaml\n{yaml.safe_dump(trace.config)}```")
        for step, values in trace.rows:
            for name, value in values.items():
                writer.add_scalar(name, value, step)
        last = trace.rows[-1][0] if trace.rows else 0
        for name, value in trace.summary.items():
            writer.add_scalar(f"result/{name}", value, last)
