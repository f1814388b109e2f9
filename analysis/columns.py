"""The declared columns of the run table: where each comes from, its type, its unit, what it
means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from harness.records.flat import flatten

Source = Literal["folder", "result", "config", "evals", "derived"]


class Column(NamedTuple):
    """One column, or a family of columns where the name ends in `*`.

    Attributes:
        name: its name in the frame; a family takes the keys below its path.
        source: what it is read from.
        path: dotted path in the record; "" where it is not read from one.
        dtype: "str", "int", "float", "path", or "any" for values of mixed kinds, which become
            numbers where all are.
        unit: of its values; "" for none.
        doc: what it says.
    """

    name: str
    source: Source
    path: str
    dtype: Literal["str", "int", "float", "path", "any"]
    unit: str
    doc: str


COLUMNS = (
    Column("sweep", "folder", "", "str", "", "name of the sweep's folder"),
    Column("run", "folder", "", "str", "", "name of the run's folder"),
    Column("path", "folder", "", "path", "", "the run's folder on this machine; never exported"),
    Column(
        "identity",
        "result",
        "identity",
        "str",
        "",
        "hash of the scientific config and of data and weights",
    ),
    Column("mask", "result", "mask", "str", "", "name of the training mask"),
    Column("model", "result", "model", "str", "", "name of the model"),
    Column("data", "result", "data", "str", "", "name of the data source"),
    Column(
        "normalize",
        "result",
        "normalize",
        "str",
        "",
        "denominator of the loss: joint, response or example",
    ),
    Column("n_examples", "result", "n_examples", "int", "examples", "training examples used"),
    Column("seed", "result", "seed", "int", "", "seed of subset, order and every random choice"),
    Column("steps", "result", "steps", "int", "steps", "optimiser steps done"),
    Column("epochs", "result", "epochs", "float", "passes", "passes over the training subset"),
    Column(
        "nll.*",
        "result",
        "nll",
        "float",
        "nats/token",
        "base, test, train, validation or test_families NLL by role; test_best after the pass that "
        "validation chose",
    ),
    Column(
        "bits_per_byte.*",
        "result",
        "bits_per_byte",
        "float",
        "bits/byte",
        "the same losses over bytes of text, which models of other tokenizers share",
    ),
    Column(
        "calibration.*",
        "result",
        "calibration",
        "float",
        "",
        "fitted temperature, NLL at it, calibration error and Brier score of held-out responses",
    ),
    Column(
        "scores.*", "result", "scores", "float", "", "mean over the responses that could be scored"
    ),
    Column(
        "scales.*",
        "result",
        "scales",
        "str",
        "",
        "unit of a score that is no share of which more is better, and which is better",
    ),
    Column(
        "scored.*", "result", "scored", "float", "responses", "how many responses could be scored"
    ),
    Column(
        "behaviour.*",
        "result",
        "behaviour",
        "float",
        "",
        "rate (ended, echoed, repeated, empty) or mean length",
    ),
    Column("families.*", "result", "families", "float", "", "mean score on each task family"),
    Column(
        "weight_mass.*",
        "result",
        "weight_mass",
        "float",
        "",
        "share of the realised weight by role",
    ),
    Column(
        "prompt_share",
        "result",
        "prompt_share",
        "float",
        "",
        "the prompt's share of the weighted training loss",
    ),
    Column(
        "counts.*",
        "result",
        "counts",
        "float",
        "examples",
        "examples truncated, without weight, dropped, …",
    ),
    Column(
        "described.*",
        "result",
        "described",
        "any",
        "",
        "the training subset: words and tokens by role, prompt/response ratios, near-duplicates, "
        "what looks odd",
    ),
    Column(
        "fairness.*",
        "result",
        "fairness",
        "str",
        "",
        "hashes that the arms of a comparison must share",
    ),
    Column("tokens.*", "result", "tokens", "float", "tokens", "tokens processed, by phase"),
    Column("seconds.*", "result", "seconds", "float", "s", "wall time, by phase"),
    Column(
        "provenance.*", "result", "provenance", "any", "", "commit, versions, hashes, device, times"
    ),
    Column("config.*", "config", "", "any", "", "the resolved config, flattened with dots"),
    Column(
        "length.prompt",
        "evals",
        "",
        "float",
        "tokens",
        "mean length of the test prompts, template included",
    ),
    Column(
        "length.answer",
        "evals",
        "",
        "float",
        "tokens",
        "mean response and end length of the test examples",
    ),
    Column("length.total", "evals", "", "float", "tokens", "both together"),
    Column("length.ratio", "evals", "", "float", "", "prompt length over answer length"),
    Column("best.epoch", "evals", "", "float", "passes", "the pass with the least validation NLL"),
    Column(
        "best.overfitting",
        "evals",
        "",
        "float",
        "nats/token",
        "last less least validation response NLL",
    ),
    Column(
        "parameters",
        "derived",
        "",
        "float",
        "parameters",
        "12 · layers · width²: the model without embeddings",
    ),
    Column("contents.data", "derived", "", "str", "", "hash of what the data held"),
    Column("contents.weights", "derived", "", "str", "", "hash of the weights that a run read"),
    Column(
        "arm",
        "derived",
        "",
        "str",
        "",
        "the mask's name, with the settings that tell masks of one name apart",
    ),
    Column(
        "condition",
        "derived",
        "",
        "str",
        "",
        "what else varies in the sweep, bar mask, training size and seed",
    ),
)


BEFORE = {"config.data.group": '""', "config.data.strip": '""'}
"""Settings that older runs do not name -> what they were, as JSON: no factor beside newer runs."""


def as_cells(mapping: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Dotted key -> value of a nested mapping; lists are kept whole, as text."""
    return {
        name: str(value) if isinstance(value, list | tuple) else value
        for name, value in flatten(mapping, prefix)
    }


def extract(source: Source, record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that come from one record, by the table."""
    row: dict[str, Any] = {}
    for column in COLUMNS:
        if column.source != source:
            continue
        if not column.name.endswith("*"):
            row[column.name] = record[column.path]
        else:
            part = record[column.path] if column.path else record
            row.update(as_cells(part, column.name[:-1]))
    return row


def column_of(name: str) -> Column:
    """The declaration of a column of the frame.

    Raises:
        KeyError: the table has none for it.
    """
    for column in COLUMNS:
        if column.name == name or (column.name.endswith("*") and name.startswith(column.name[:-1])):
            return column
    raise KeyError(name)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows, each a mapping of its columns."""
    # Column by column, in a fraction of the time that `to_dict` takes row by row.
    names = [str(name) for name in frame.columns]
    cells = [column.tolist() for _, column in frame.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def describe() -> str:
    """The table as text, a line for each column."""
    return "\n".join(f"{c.name:<16} {c.dtype:<6} {c.unit or '-':<11} {c.doc}" for c in COLUMNS)
