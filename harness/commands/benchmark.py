"""Measure the weights that runs kept with tasks of lm-evaluation-harness; `harness report` then has
the figures beside the others.

    harness benchmark runs/SWEEP tasks=hellaswag,arc_easy
    harness benchmark runs/SWEEP tasks=mine include=FOLDER limit=100

Runs must have been made with save_weights=true. `include` is a folder of further tasks, `limit` the
examples of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import alone_at, finished_runs, nothing_finished
from harness.config.command_line import apart
from harness.config.extras import lacking
from harness.config.validate import ConfigError
from harness.records import ADAPTER, WEIGHTS


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    own, rest = apart(arguments, ("tasks", "include", "limit"))
    tasks = [name for name in own.get("tasks", "").split(",") if name]
    faults = [f"{text}: expected a folder, tasks=, include= and limit= alone" for text in rest[1:]]
    faults += [] if tasks else ["tasks: missing, expected tasks=NAME,…"]
    if not own.get("limit", "0").isdecimal():
        faults.append(f"limit={own['limit']}: expected a number of examples")
    folder = Path(rest[0]) if rest else Path()
    runs = finished_runs(folder)
    kept = [run for run in runs if any((run / name).is_file() for name in (WEIGHTS, ADAPTER))]
    if not runs:
        faults.append(nothing_finished(folder))
    elif not kept:
        faults.append(f"{folder}: no run kept its weights, expected runs with save_weights=true")
    if not faults:
        reason = lacking("lm-eval")
        faults += [reason] if reason else []
    if faults:
        raise ConfigError(faults)
    from harness.run.benchmark import benchmark

    for run in kept:
        with alone_at(run):
            result = benchmark(run, tasks, own.get("include", ""), int(own.get("limit", "0")))
        names = [name for name in result.scores if name.startswith(tuple(tasks))]
        print(f"{run.name}: " + ", ".join(f"{name} {result.scores[name]}" for name in names))
    return 0
