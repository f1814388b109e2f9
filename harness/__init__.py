"""Fine-tune GPTs with loss masks and compare them. From Python, as on the command line.

    import harness

    runs = harness.fine_tune("mask=none,full", "seed=range(2)", "data.path=my.jsonl")
    print(runs[["arm", "seed", "nll.test.answer"]])

A script needs no guard: workers do not import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def fine_tune(*arguments: str) -> pd.DataFrame:
    """Carry out a run, or a sweep where a key has several values, as `harness -m` does.

    What is finished already is not done again. `analysis` makes a report of the folders.

    Args:
        arguments: `KEY=VALUE`, as on the command line.

    Returns:
        A row per run, in nats per token and shares; `analysis.columns.describe()` explains the
        columns.

    Raises:
        ConfigError: a ValueError with a line for every faulty argument, before any run starts.
        RuntimeError: runs failed, or none could be started; one line.
        OSError: a folder cannot be written.
    """
    from harness.commands.run import fine_tune

    return fine_tune(arguments)
