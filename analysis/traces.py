"""What runs wrote along the way: evaluations during training, and responses, as long frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd

from analysis.files import checked
from analysis.load import Problem, one_line
from harness import records
from harness.records import storage

ANSWER = ("response", "end")

Line = TypeVar("Line")

Evaluated = tuple[int, float, str, str, int, float]
"""Step, passes, split, role, tokens, nats a token."""

CURVES = ("row", "step", "epoch", "split", "role", "tokens", "nll")


class Answer(NamedTuple):
    """One response with the texts that it stands among."""

    id: str
    prompt: str
    reference: str
    response: str
    scores: dict[str, float | None]


class Scored(NamedTuple):
    """One response without its texts."""

    id: str
    nats: float
    nats_tokens: int
    scores: dict[str, float | None]


def curves(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Every evaluation of every run: one row per run, step, split and role, with "answer" for
    response and end.

    Returns:
        The frame (`row` is the run's row in the run table) and the runs whose evaluations cannot be
        read.
    """
    read, problems = _each(runs, records.EVALS, _evaluations)
    rows = [(row, *said) for row, lines in read for said in lines]
    # Losses in single precision: more than a curve shows, and what archives keep.
    return pd.DataFrame(rows, columns=list(CURVES)).astype({"nll": "float32"}), problems


def responses(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The figures of every response to the test set, one row each, with a column per score.

    Without texts, which thousands of runs would fill the memory with: see `answers`.

    Returns:
        The frame (`row` is the run's row in the run table) and the runs whose responses cannot be
        read.
    """
    read, problems = _each(runs, records.RESPONSES, _responses)
    rows = [(row, record) for row, lines in read for record in lines]
    scores = dict.fromkeys(score for _, record in rows for score in record.scores)
    columns: dict[str, list[object]] = {
        "row": [row for row, _ in rows],
        "id": [record.id for _, record in rows],
        "nats": [record.nats for _, record in rows],
        "nats_tokens": [record.nats_tokens for _, record in rows],
    }
    for score in scores:
        columns[f"scores.{score}"] = [record.scores.get(score) for _, record in rows]
    # One frame for all runs: to put one together from thousands takes ten times as long.
    return pd.DataFrame(columns), problems


def answers(folder: Path, most: int) -> list[Answer]:
    """The first responses of a run to the test set, with their texts; none where they cannot be
    read.
    """
    found: list[Answer] = []
    path = folder / records.RESPONSES
    try:
        for record in storage.read_jsonl(checked(path), records.ResponseRecord):
            if record.split == "test" and len(found) < most:
                texts = (record.id, record.prompt, record.reference, record.response)
                found.append(Answer(*texts, dict(record.scores)))
    except storage.RecordError:  # told of where the figures are read
        return found
    return found


def _each(
    runs: pd.DataFrame, name: str, reader: Callable[[Path], list[Line]]
) -> tuple[list[tuple[int, list[Line]]], list[Problem]]:
    """A file of every run: the run's row in the run table, and what the reader makes of the lines.

    Runs that were kept without the file are no fault, and share one line.
    """
    found, problems, without = [], [], []
    for row, sweep, run, path in zip(
        runs.index, runs["sweep"], runs["run"], runs["path"], strict=True
    ):
        file = Path(path) / name
        if not file.is_symlink() and not file.exists():
            without.append((sweep, run))
            continue
        try:
            found.append((row, reader(checked(file))))
        except storage.RecordError as error:
            message = f"{one_line(str(error), path)}; its result is used all the same"
            problems.append(Problem(sweep, run, "corrupt", message))
    if without:
        first = without[0]
        others = f" and {len(without) - 1} more" if len(without) > 1 else ""
        message = f"kept without {name}{others}: what it holds is not shown"
        problems.append(Problem(*first, "in part", message))
    return found, problems


def _evaluations(path: Path) -> list[Evaluated]:
    rows: list[Evaluated] = []
    for number, record in enumerate(storage.read_jsonl(path, records.EvalRecord), start=1):
        losses = {role: (loss.nats, loss.tokens) for role, loss in record.roles.items()}
        for role, (nats, tokens) in losses.items():
            _measured(path, number, f"roles.{role}.nats", nats)
            _measured(path, number, f"roles.{role}.tokens", tokens)
        _measured(path, number, "step", record.step)
        _measured(path, number, "epoch", record.epoch)
        said = [losses[role] for role in ANSWER if role in losses]
        if said:
            losses["answer"] = (sum(nats for nats, _ in said), sum(tokens for _, tokens in said))
        for role, (nats, tokens) in losses.items():
            if tokens:
                kept = (record.step, record.epoch, record.split, role)
                rows.append((*kept, tokens, nats / tokens))
    return rows


def _responses(path: Path) -> list[Scored]:
    found = []
    for number, record in enumerate(storage.read_jsonl(path, records.ResponseRecord), start=1):
        if record.split != "test":
            continue
        _measured(path, number, "nats", record.nats)
        _measured(path, number, "nats_tokens", record.nats_tokens)
        for score, value in record.scores.items():
            if value is not None:
                _finite(path, number, f"scores.{score}", value)
        found.append(Scored(record.id, record.nats, record.nats_tokens, record.scores))
    return found


def _measured(path: Path, line: int, name: str, value: float) -> None:
    """Refuse what no measurement gives.

    Raises:
        RecordError: the value is not finite, or negative; one line.
    """
    _finite(path, line, name, value)
    if value < 0:
        raise storage.RecordError(f"{path}:{line}: {name} is {value}, expected at least 0")


def _finite(path: Path, line: int, name: str, value: float) -> None:
    if not math.isfinite(value):
        raise storage.RecordError(f"{path}:{line}: {name} is {value}, expected a finite number")
