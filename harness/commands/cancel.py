"""Cancel what a sweep has in Slurm.

    harness cancel runs/SWEEP

The same command that launched the sweep continues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser
from harness.config.validate import ConfigError


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("sweep", type=Path)
    given = parser.parse_args(arguments)

    from harness.engine.launchers import LaunchError
    from harness.engine.plan import read_plan
    from harness.engine.slurm import cancel

    plan = read_plan(given.sweep)
    jobs = [job for launched in plan.launches for job in launched.jobs] if plan else []
    if not jobs:
        raise ConfigError([f"{given.sweep}: no sweep was launched to Slurm here"])
    try:
        cancel(jobs)
    except LaunchError as error:
        raise ConfigError([str(error)]) from None
    print(f"cancelled {', '.join(jobs)}; the same command continues the sweep")
    return 0
