"""What runs wrote along the way: evaluations during training, and responses, as long frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.files import checked
from analysis.load import Problem, one_line
from harness import records
from harness.records import storage

ANSWER = ("response", "end")

CURVES = ("row", "step", "epoch", "split", "role", "nats", "tokens", "nll")
RESPONSES = ("row", "id", "family", "prompt", "reference", "response", "nats", "nats_tokens")


def curves(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Every evaluation of every run: one row per run, step, split and role, with "answer" for
    response and end.

    Returns:
        The frame (`row` is the run's row in the run table) and the runs whose evaluations cannot be
        read.
    """
    return _each(runs, _evaluations, CURVES)


def responses(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Every response to the test set, one row each, with a column per score.

    Returns:
        The frame (`row` is the run's row in the run table) and the runs whose responses cannot be
        read.
    """
    return _each(runs, _responses, RESPONSES)


def _each(
    runs: pd.DataFrame, reader: Callable[[Path], list[dict[str, Any]]], names: tuple[str, ...]
) -> tuple[pd.DataFrame, list[Problem]]:
    rows: list[dict[str, Any]] = []
    problems = []
    for row, sweep, run, path in zip(
        runs.index, runs["sweep"], runs["run"], runs["path"], strict=True
    ):
        try:
            rows += [found | {"row": row} for found in reader(Path(path))]
        except storage.RecordError as error:
            message = f"{one_line(str(error), path)}; its result is used all the same"
            problems.append(Problem(sweep, run, "corrupt", message))
    return pd.DataFrame(rows, columns=None if rows else list(names)), problems


def _evaluations(folder: Path) -> list[dict[str, Any]]:
    path = checked(folder / records.EVALS)
    rows: list[dict[str, Any]] = []
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
        rows += [
            {"step": record.step, "epoch": record.epoch, "split": record.split, "role": role}
            | {"nats": nats, "tokens": tokens, "nll": nats / tokens}
            for role, (nats, tokens) in losses.items()
            if tokens
        ]
    return rows


def _responses(folder: Path) -> list[dict[str, Any]]:
    path = checked(folder / records.RESPONSES)
    rows = []
    for number, record in enumerate(storage.read_jsonl(path, records.ResponseRecord), start=1):
        if record.split != "test":
            continue
        _measured(path, number, "nats", record.nats)
        _measured(path, number, "nats_tokens", record.nats_tokens)
        for score, value in record.scores.items():
            if value is not None and not math.isfinite(value):
                raise storage.RecordError(
                    f"{path}:{number}: scores.{score} is {value}, expected a finite number"
                )
        known = {name: getattr(record, name) for name in RESPONSES[1:]}
        rows.append({f"scores.{score}": value for score, value in record.scores.items()} | known)
    return rows


def _measured(path: Path, line: int, name: str, value: float) -> None:
    """Refuse what no measurement gives.

    Raises:
        RecordError: the value is not finite, or negative; one line.
    """
    if not math.isfinite(value):
        raise storage.RecordError(f"{path}:{line}: {name} is {value}, expected a finite number")
    if value < 0:
        raise storage.RecordError(f"{path}:{line}: {name} is {value}, expected at least 0")
