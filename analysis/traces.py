"""What runs wrote along the way: evaluations during training, and responses, as long frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.load import Problem
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
            rows += [{"row": row} | found for found in reader(Path(path))]
        except storage.RecordError as error:
            message = " ".join(str(error).replace(f"{path}/", "").split())
            problems.append(
                Problem(sweep, run, "corrupt", f"{message}; its result is used all the same")
            )
    return pd.DataFrame(rows, columns=None if rows else list(names)), problems


def _evaluations(folder: Path) -> list[dict[str, Any]]:
    rows = []
    for record in storage.read_jsonl(folder / records.EVALS, records.EvalRecord):
        losses = {role: (loss.nats, loss.tokens) for role, loss in record.roles.items()}
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
    return [
        {name: getattr(record, name) for name in RESPONSES[1:]} | record.scores
        for record in storage.read_jsonl(folder / records.RESPONSES, records.ResponseRecord)
        if record.split == "test"
    ]
