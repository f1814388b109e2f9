"""What a run's files hold so far, as trackers take it: settings, figures by step, a summary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from harness.records import CONFIG, EVALS, RESULT, STEPS, EvalRecord, Result, StepRecord
from harness.records.flat import flatten
from harness.records.storage import RecordError, read_json, read_jsonl
from harness.records.yaml_text import read_text

Values = dict[str, float]


class Trace(NamedTuple):
    """A run, as far as it is.

    Attributes:
        sweep: name of its sweep's folder.
        run: name of its folder.
        id: eight hex digits of its identity, or its name where that does not hold them.
        config: dotted key -> setting.
        rows: step and what was measured at it, in order.
        summary: dotted key -> figure of its result; empty until it is finished.
        begun: whether an earlier pass has shown some of it.
    """

    sweep: str
    run: str
    id: str
    config: dict[str, Any]
    rows: list[tuple[int, Values]]
    summary: Values
    begun: bool = False


def read_trace(folder: Path) -> Trace:
    """A run's files, whole or while they grow.

    Raises:
        RecordError: the config is missing or broken, or a record before the last is.
    """
    config = yaml.safe_load(read_text(folder / CONFIG))
    whole = folder.resolve()
    found = re.search(r"-([0-9a-f]{8})$", whole.name)
    finished = (folder / RESULT).is_file()
    return Trace(
        sweep=whole.parent.name,
        run=whole.name,
        id=found[1] if found else whole.name,
        config=dict(flatten(config if isinstance(config, dict) else {})),
        rows=_rows(folder, finished),
        summary=_summary(read_json(folder / RESULT, Result)) if finished else {},
    )


def _rows(folder: Path, finished: bool) -> list[tuple[int, Values]]:
    """Steps and evaluations together, by step."""
    rows: dict[int, Values] = {}
    for step in _grown(folder / STEPS, StepRecord, finished):
        own = {name: float(value) for name, value in asdict(step).items() if name != "step"}
        rows.setdefault(step.step, {}).update({f"train/{name}": v for name, v in own.items()})
    for record in _grown(folder / EVALS, EvalRecord, finished):
        for role, loss in record.roles.items():
            if loss.tokens:
                row = rows.setdefault(record.step, {})
                row[f"nll/{record.split}/{role}"] = loss.nats / loss.tokens
    return sorted(rows.items())


def _grown(path: Path, kind: type[Any], finished: bool) -> Iterator[Any]:
    """The records of a file; of one that is being written the last line may be half there."""
    if not path.is_file():
        return
    try:
        yield from read_jsonl(path, kind)
    except RecordError:
        if finished:
            raise


def _summary(result: Result) -> Values:
    parts = ("nll", "bits_per_byte", "calibration", "scores", "behaviour", "seconds", "tokens")
    flat: dict[str, Any] = {}
    for part in parts:
        flat |= dict(flatten({part: getattr(result, part)}))
    return {name: float(value) for name, value in flat.items() if value is not None}
