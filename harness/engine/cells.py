"""The runs of a launch, each checked against its data, its weights and its device, and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data.errors import DataError
from harness.data.examples import Examples, check_weights, prepare_examples
from harness.data.held_out import HeldOuts
from harness.data.masks import plain, said_in_vain
from harness.engine.folders import placed
from harness.models import device
from harness.models.stored import CheckpointError
from harness.records.counted import counted
from harness.run.identity import Cell, make_cell
from harness.run.origin import verify_model


def cells_of(runs: Sequence[Run]) -> list[Cell]:
    """Check every run against its data and weights and name it; equal runs become one cell.

    Raises:
        ConfigError: with every fault of every run.
    """
    vain = said_in_vain(run.mask for run in runs)
    if vain:
        raise ConfigError(vain)
    runs = [replace(run, mask=plain(run.mask)) for run in runs]
    cells: dict[str, Cell] = {}
    faults: Counter[str] = Counter()
    # Runs on the same examples one after another, so that these are prepared once: mostly a sweep's
    # masks.
    prepared: Examples | None = None
    key: tuple[object, ...] | None = None
    known = HeldOuts()
    for run in sorted(runs, key=_examples_key):
        try:
            if prepared is None or key != _examples_key(run):
                key, prepared = _examples_key(run), None
                prepared = prepare_examples(run, known)
            examples = prepared
            check_weights(examples.train, run)
            verify_model(run)
            cell = make_cell(run, examples)
            cells.setdefault(cell.identity, cell)
        except (CheckpointError, DataError, OSError, ValueError) as error:
            faults[str(error)] += 1
    if faults:
        raise ConfigError(
            [f"{fault} ({count} of {counted(len(runs), 'run')})" for fault, count in faults.items()]
        )
    return placed(list(cells.values()))


def _examples_key(run: Run) -> tuple[str, ...]:
    """Equal for runs that `prepare_examples` gives the same examples."""
    return tuple(map(repr, (run.data, run.seed, replace(run.model, lr={}))))


def missing_devices(runs: Sequence[Run]) -> list[str]:
    """A line for each device that runs name and this machine has not, or not so often."""
    faults = []
    for name in sorted({run.launch.device for run in runs}):
        try:
            device.resolve(name)
        except device.DeviceError as error:
            faults.append(str(error))
    wanted = sorted({run.launch.gpus for run in runs})
    if len(wanted) > 1:
        numbers = ", ".join(map(str, wanted))
        faults.append(f"gpus={numbers}: expected one number for all runs of a launch")
    present = torch.cuda.device_count()
    if any(present < run.launch.gpus > 1 and run.launch.device != "cpu" for run in runs):
        faults.append(
            f"gpus={wanted[-1]}: {present} present, "
            f"expected at most {max(1, present)}, or device=cpu"
        )
    return faults
