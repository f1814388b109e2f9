"""One run folder to its row of the run table, or to why it has none."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis import columns
from analysis.configs import read_config
from analysis.evaluations import of_evaluations
from analysis.files import checked
from analysis.text import label, remark, without_folders
from harness import records
from harness.records import storage

VERSION = "4"
"""Of rows: raised when they come to be made in another way, so that no cache outlives it."""

CONFIG_AGREES = {"mask.name": "mask", "model.name": "model", "data.name": "data", "seed": "seed"}
"""Config keys that the result repeats: a folder in which they differ was put together by hand."""

MOST_VALUES = 2_000
"""Columns that one run may have; a real one has about 400."""

REMARKS = {"described.warnings"}
"""Columns that hold sentences, not names."""

LARGEST = 1e30
"""Beyond it sums of squares, as in a spread, would come near the end of the floats."""
EXACT = 2**53
"""Beyond this, a float does not hold every whole number."""

LEAST = {
    "n_examples": 1,
    "seed": 0,
    "steps": 0,
    "epochs": 0,
    "prompt_share": 0,
    "nll": 0,
    "counts": 0,
    "tokens": 0,
    "seconds": 0,
    "weight_mass": 0,
}
"""Column, or the first part of its name -> its least value."""


def read_run(folder: Path) -> dict[str, Any] | tuple[str, str]:
    """A run's row, or the kind of problem and its message."""
    try:
        present = {entry.name for entry in os.scandir(folder)}
        if records.RESULT in present:
            return _row(folder)
        if records.FAILURE in present:
            failure = storage.read_json(checked(folder / records.FAILURE), records.Failure)
            ended = f" ({failure.signal})" if failure.signal else ""
            return "failed", f"{failure.error}{ended}, tried {failure.attempts} ×"
    except OSError as error:
        return "corrupt", error.strerror or str(error)
    except storage.RecordError as error:
        return "corrupt", str(error)
    if records.CONFIG in present:
        return "unfinished", f"no {records.RESULT}: still running, or killed"
    return "foreign", f"not a run: no {records.CONFIG}"


def _row(folder: Path) -> dict[str, Any]:
    """The row of a finished run.

    Raises:
        RecordError: a file is missing, broken, or does not belong to the others.
    """
    path = folder / records.RESULT
    result = storage.read_json(checked(path), records.Result)
    if result.schema != records.SCHEMA:
        raise storage.RecordError(f"{path}: schema {result.schema}, expected {records.SCHEMA}")
    row = columns.extract("result", asdict(result))
    fault = _fault(row)
    if fault:
        raise storage.RecordError(f"{path}: {fault}")
    config = columns.extract("config", read_config(folder / records.CONFIG))
    if len(row) + len(config) > MOST_VALUES:
        raise storage.RecordError(
            f"{records.RESULT} and {records.CONFIG}: more than {MOST_VALUES:,} values"
        )
    for key, name in CONFIG_AGREES.items():
        if config.get(f"config.{key}") != row[name]:
            raise storage.RecordError(
                f"{folder}: {records.CONFIG} has {key}={config.get(f'config.{key}')!r}, "
                f"{records.RESULT} has {name}={row[name]!r}"
            )
    said = {name: _said(name, value) for name, value in (row | config).items()}
    encoded = {name: _encoded(name, value) for name, value in said.items()}
    return encoded | of_evaluations(folder / records.EVALS) | {"parameters": _parameters(said)}


def _fault(row: dict[str, Any]) -> str:
    """What is wrong with a result's figures; "" for nothing."""
    if row.get("nll.test.answer") is None:
        return "no nll.test.answer"
    for name, value in row.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if isinstance(value, int) and abs(value) > EXACT:
            shown = f"{float(value):g}, " if abs(value) < 1e300 else ""
            return f"{name} is {shown}beyond what a number here may be"
        if not math.isfinite(value):
            return f"{name} is {value}, expected a finite number"
        if abs(value) > LARGEST:
            return f"{name} is {value:g}, beyond what a number here may be"
        least = LEAST.get(name.split(".")[0])
        if least is not None and value < least:
            return f"{name} is {value}, expected at least {least}"
    return ""


def _said(name: str, value: Any) -> Any:
    """A setting as it can be shown, compared and kept: a number, or text that tells no folder."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) <= EXACT:
        return value
    whole = remark if name in REMARKS else label
    return whole(without_folders(str(value)))


def _encoded(name: str, value: Any) -> Any:
    """Columns of mixed kinds travel as JSON."""
    return json.dumps(value) if columns.column_of(name).dtype == "any" else value


def _parameters(row: dict[str, Any]) -> float | None:
    """Of the model without embeddings."""
    layers, width = row.get("config.model.layers"), row.get("config.model.width")
    if not (isinstance(layers, int) and isinstance(width, int)):
        return None
    return 12.0 * layers * float(width) ** 2


def stamp(folder: str) -> str:
    """Changes when a file that the row is made of changes."""
    parts = [VERSION]
    for name in (records.CONFIG, records.RESULT, records.EVALS):
        try:
            state = Path(folder, name).stat()
            parts.append(f"{state.st_mtime_ns}:{state.st_size}")
        except OSError:
            parts.append("-")
    return " ".join(parts)
