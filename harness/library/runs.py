"""Runs from Python, without Hydra's words: `harness.sweep`, `harness.run`, `harness.load`,
`harness.audit`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.library.settings import arguments

if TYPE_CHECKING:
    import pandas as pd

    from harness.commands.audit import Audit


def sweep(**settings: Any) -> pd.DataFrame:
    """Carry out a run for every combination of values; what is finished is not done again.

        harness.sweep(mask=["none", "full"], model="nano", data="my.jsonl", seed=range(8))

    Args:
        settings: keys as `harness --help` lists them. A list or range is swept over; a mapping
            holds keys of a group, `data={"path": "my.jsonl", "size": [100, 300]}`; keys with dots
            come as `**{"train.lr": 1e-4}`. How it is carried out: `runs`, `sweep`, `device`, …

    Returns:
        A row per run, in nats per token and shares; `analysis.columns.describe()` explains the
        columns.

    Raises:
        ConfigError: a ValueError with a line for every faulty setting, before any run starts.
        RuntimeError: runs failed, or none could be started; one line.
        OSError: a folder cannot be written.
    """
    from harness.commands.run import fine_tune

    return fine_tune(arguments(settings))


def run(**settings: Any) -> pd.Series[Any]:
    """Carry out one run; its row of the table, as `sweep` has it, with its folder under `path`.

    Raises:
        ConfigError: as `sweep`; also where a setting has several values.
        RuntimeError, OSError: as `sweep`.
    """
    from harness.commands.run import fine_tune

    return fine_tune(arguments(settings), many=False).iloc[0]


def load(*folders: str | Path) -> pd.DataFrame:
    """The finished runs of folders of sweeps, of single runs, or archives: a row each, as `sweep`
    has it. What could not be used stands in `.attrs["problems"]`, and is warned of.

    Raises:
        LoadError: a ValueError; a folder is missing or holds no finished run.
    """
    from analysis.load import load

    return load(*folders)


def audit(*, n: int = 3, **settings: Any) -> Audit:
    """What a mask does to a run's training examples; nothing is trained.

    Args:
        n: examples that are shown token by token.
        settings: of one run, as `sweep` takes them.

    Returns:
        Examples with each token's text, role and weight, and over the whole training subset the
        tokens, weighted tokens and Σ w of each role.

    Raises:
        ConfigError: as `sweep`.
        DataError: the examples are not to be had, or none has weight.
    """
    from harness.commands.audit import audit
    from harness.config.compose import command_config
    from harness.config.schema import Run
    from harness.run.checks import run_faults

    return audit(command_config("config", Run, arguments(settings), checks=[run_faults]), n)
