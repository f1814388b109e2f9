"""A sweep kept in one Parquet file: runs, evaluations, and what only their texts could tell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import columns

KIND = "prompt-mask-harness runs, version 1"
LARGEST = 4 << 20
"""Bytes of an archive beyond which the evaluations of single roles are left out."""

EVALUATIONS = "evaluations"
CURVE = ("step", "epoch", "split", "role", "tokens", "nll")

LEFT_OUT = ("path", "families.", "provenance.started", "provenance.finished", "provenance.resumed")
"""Columns, or their beginnings, that no table or figure of a report needs."""


class ArchiveError(ValueError):
    """A file is no archive, or cannot be one: one line."""


class Archive(NamedTuple):
    """What an archive holds.

    Attributes:
        runs: the rows of runs as `analysis.load.gather` has them.
        curves: the evaluations, `run` naming the row's run.
        texts: what was worked out from responses when it was written: the tables and examples that
            a report shows, as they are.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    texts: Mapping[str, Any]


def write_archive(
    path: Path, runs: pd.DataFrame, curves: pd.DataFrame, texts: Mapping[str, Any]
) -> list[str]:
    """Write runs into one file, atomically.

    Args:
        path: of the file.
        runs: the run table.
        curves: their evaluations, `row` being the run's row in the run table.
        texts: kept with them, as JSON.

    Returns:
        Roles whose evaluations were left out, since the file would be too large; empty for none.
    """
    kept = runs[[name for name in runs.columns if not name.startswith(LEFT_OUT)]]
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _write(partial, kept, curves, texts)
        left_out = sorted(set(curves["role"]) - {"answer"})
        if partial.stat().st_size <= LARGEST or not left_out:
            left_out = []
        else:
            _write(partial, kept, curves[curves["role"] == "answer"], texts)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return left_out


def _write(path: Path, runs: pd.DataFrame, curves: pd.DataFrame, texts: Mapping[str, Any]) -> None:
    table = pa.Table.from_pandas(runs, preserve_index=False)
    # The frame's own metadata names versions, and the same runs are to give the same bytes.
    table = table.replace_schema_metadata({"kind": KIND, "texts": json.dumps(texts)})
    evaluations = pa.array(_nested(runs, curves), pa.list_(_curve_type()))
    table = table.append_column(EVALUATIONS, evaluations)
    pq.write_table(table, path, compression="zstd", compression_level=19, version="2.6")


def _curve_type() -> pa.DataType:
    kinds = [pa.int64(), pa.float64(), pa.string(), pa.string(), pa.int64(), pa.float32()]
    return pa.struct(list(zip(CURVE, kinds, strict=True)))


def _nested(runs: pd.DataFrame, curves: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """The evaluations of each run, in the order of the run table."""
    by_run = {row: columns.rows(own[list(CURVE)]) for row, own in curves.groupby("row")}
    return [by_run.get(row, []) for row in runs.index]


def read_archive(path: Path) -> Archive:
    """Read an archive.

    Raises:
        ArchiveError: it is missing, damaged or another thing; one line.
    """
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ArchiveError(f"{path}: not an archive of runs: {said[:200]}") from None
    metadata = table.schema.metadata or {}
    if metadata.get(b"kind", b"").decode() != KIND:
        raise ArchiveError(f"{path}: not an archive of runs: expected the kind '{KIND}'")
    runs = table.drop([EVALUATIONS]).to_pandas()
    lists = table[EVALUATIONS].combine_chunks()
    curves = pa.Table.from_struct_array(lists.flatten()).to_pandas()
    counts: Sequence[int] = lists.value_lengths().to_pylist()
    rows = [row for row, count in enumerate(counts) for _ in range(count or 0)]
    return Archive(runs, curves.assign(row=rows), json.loads(metadata[b"texts"]))
