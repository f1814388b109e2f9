"""`--dry-run`: what a command line would do and about how long it would take. Writes nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta

from harness.config.launchers import Pool
from harness.config.schema import Run, with_launch
from harness.data.examples import prepare_examples
from harness.engine.cells import cells_of
from harness.engine.estimate import START, rate_of
from harness.engine.launchers import Settings
from harness.engine.outcomes import outcome_of
from harness.engine.slots import cpus, gpus, teams, threads_of, workers
from harness.records.counted import counted
from harness.records.flat import flatten
from harness.run.identity import Cell

SHOWN = 8
"""Values of a key that are listed; beyond, they are counted."""


def preview(runs: Sequence[Run], settings: Settings) -> int:
    """Print what there is to do; returns the exit code.

    Args:
        runs: checked configs.
        settings: of the launcher.

    Raises:
        ConfigError: runs that cannot work, as a launch would say.
    """
    cells = cells_of(runs)
    states = [outcome_of(cell).state for cell in cells]
    todo = [cell for cell, state in zip(cells, states, strict=True) if _is_due(cell.run, state)]
    folders = ", ".join(sorted({str(cell.folder.parent) for cell in cells}))
    print(
        f"{counted(len(cells), 'run')} in {folders}, {states.count('finished')} of them finished, "
        f"{states.count('failed')} failed, {len(todo)} to do"
    )
    for line in differences([cell.run for cell in cells]):
        print(f"  {line}")
    for line in data_lines([cell.run for cell in cells]):
        print(line)
    print(f"time: {_time(todo, settings)}")
    print("nothing was written")
    return 0


def _is_due(run: Run, state: str) -> bool:
    """Whether a launch would carry a run out that it finds in that state."""
    again = state == "failed" and run.launch.retry == "failed"
    return run.launch.force or again or state in ("open", "hindered")


def differences(runs: Sequence[Run]) -> list[str]:
    """A line for each key in which runs differ: `data.size: 100, 1000`."""
    values: dict[str, list[str]] = {}
    for run in runs:
        for key, value in flatten(asdict(run)):
            values.setdefault(key, [])
            if str(value) not in values[key]:
                values[key].append(str(value))
    lines = []
    for key, found in values.items():
        group, _, part = key.partition(".")
        # A group of options differs in its name, and the rest follows from that.
        follows = part != "name" and len(values.get(f"{group}.name", [])) >= len(found)
        if len(found) > 1 and not (part and follows):
            listed = ", ".join(found) if len(found) <= SHOWN else f"{len(found)} values"
            lines.append(f"{group if part == 'name' else key}: {listed}")
    return lines


def data_lines(runs: Sequence[Run]) -> list[str]:
    """Numbers and lengths of the examples, a line for each set, whatever its seed."""
    lines = []
    for run in {repr(replace(run.data, seed=0)): run for run in runs}.values():
        examples = prepare_examples(run)
        both = [*examples.train, *examples.test]
        prompts = [item.prompt for item in both]
        totals = [len(item.tokens.ids) for item in both]
        answers = [total - prompt for total, prompt in zip(totals, prompts, strict=True)]
        lines.append(
            f"data {run.data.name}: {len(examples.train):,} training and "
            f"{len(examples.test):,} test examples; "
            f"tokens a prompt {statistics.mean(prompts):.0f}, "
            f"an answer {statistics.mean(answers):.0f}, "
            f"at most {max(totals)} of {run.model.context}"
        )
    return list(dict.fromkeys(lines))


def _time(todo: Sequence[Cell], settings: Settings) -> str:
    """About how long the runs take, and from what that is told."""
    if not todo:
        return "none, all runs are finished"
    devices = teams(gpus({cell.run.launch.device for cell in todo}), todo[0].run.launch.gpus)
    planned = [
        with_launch(cell.run, threads=threads_of(cell.run, settings.cores or cpus()))
        for cell in todo
    ]
    count = workers(devices, settings, planned) if isinstance(settings, Pool) else len(todo)
    count = min(count, len(todo))
    each: list[float] = []
    sources: list[str] = []
    for model in dict.fromkeys(cell.run.model.name for cell in todo):
        own = [cell for cell in todo if cell.run.model.name == model]
        rate = rate_of(own, on_gpu=bool(devices))
        if rate is None:
            return f"unknown, since no run has finished yet on this GPU; {count} at a time"
        each += [rate.of(cell) for cell in own]
        sources.append(rate.source)
    seconds = round(START + max(sum(each) / count, max(each)))
    told = "; ".join(dict.fromkeys(sources))
    return f"about {timedelta(seconds=seconds)} with {count} at a time ({told})"
