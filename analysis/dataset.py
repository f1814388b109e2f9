"""A study as a data set for others: Parquet, a data dictionary, tables, and `croissant.json`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import columns
from analysis.croissant import write_croissant
from analysis.export import NOT_EXPORTED, write_tables
from analysis.files import checked
from analysis.study import Study
from analysis.text import for_spreadsheet
from harness import records
from harness.records import storage

LABELS = ["sweep", "run", "arm", "condition", "n_examples", "seed"]
"""What tells a run's rows in every file; `sweep` and `run` are the key."""

DICTIONARY = "dictionary.csv"


class Field(NamedTuple):
    """A line of the data dictionary.

    Attributes:
        file: the Parquet file that has the column.
        column: its name.
        type: as Arrow calls it.
        unit: of its values; "" for none.
        doc: what it says.
    """

    file: str
    column: str
    type: str
    unit: str
    doc: str


OF_OUTCOMES = {
    "outcome": ("", "column of the run table that holds it"),
    "name": ("", "what tables and figures call it"),
    "unit": ("", "of the value; shares are compared in points of a hundred"),
    "better": ("", "higher or lower"),
    "value": ("", "the run's, in `unit`; a share in [0, 1]"),
}
OF_RESPONSES = {
    "split": ("", "set that the prompt is of: test or test_families"),
    "id": ("", "hash of the example's conversation"),
    "family": ("", "task family; empty for none"),
    "prompt": ("", "the rendered prompt that the model saw"),
    "reference": ("", "the expected response"),
    "response": ("", "the model's response, without its end token"),
    "tokens": ("tokens", "length of the response, without its end token"),
    "nats": ("nats", "negative log-likelihood of the reference's response and end tokens"),
    "nats_tokens": ("tokens", "number of those tokens"),
}
"""Column -> unit and meaning, beside the labels."""


def write_dataset(study: Study, folder: Path) -> list[Path]:
    """Write the files, each whole or not at all, and return their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = study.runs.drop(columns=list(NOT_EXPORTED))
    tables = {
        "runs.parquet": iter([pa.Table.from_pandas(runs, preserve_index=False)]),
        "outcomes.parquet": iter([pa.Table.from_pandas(outcomes(study), preserve_index=False)]),
        "responses.parquet": _responses(study),
    }
    dictionary: list[Field] = []
    for name, parts in tables.items():
        schema = _write(folder / name, parts)
        if schema is not None:
            dictionary += [_described(name, field, study) for field in schema]
    frame = pd.DataFrame(dictionary, columns=list(Field._fields))
    for_spreadsheet(frame).to_csv(folder / DICTIONARY, index=False, lineterminator="\n")
    write_tables(study, folder / "tables")
    files = [folder / name for name in tables if (folder / name).is_file()]
    about = write_croissant(study.name, study.runs, files, frame, folder / "croissant.json")
    return [*files, folder / DICTIONARY, folder / "tables", about]


def outcomes(study: Study) -> pd.DataFrame:
    """A row for each run and outcome that it has."""
    frames = []
    for one in study.outcomes:
        own = study.runs[study.runs[one.column].notna()]
        better = "higher" if one.sign > 0 else "lower"
        frames.append(
            own[LABELS].assign(
                outcome=one.column, name=one.name, unit=one.unit, better=better,
                value=own[one.column],
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _responses(study: Study) -> Iterator[pa.Table]:
    """The responses of one run after another, all of one schema; those of archives are not kept."""
    kept = [path for path in study.runs["path"] if path not in study.archives]
    runs = study.runs[study.runs["path"].isin(kept)]
    named = ("scores.", "behaviour.")
    scores = sorted({name.split(".", 1)[1] for name in runs.columns if name.startswith(named)})
    kinds = dict.fromkeys(OF_RESPONSES, pa.string())
    kinds |= {"tokens": pa.int64(), "nats": pa.float64(), "nats_tokens": pa.int64()}
    labels = {name: pa.string() for name in LABELS} | {
        "n_examples": pa.int64(), "seed": pa.int64()
    }  # fmt: skip
    schema = pa.schema({**labels, **kinds, **{f"scores.{name}": pa.float64() for name in scores}})
    for run in columns.rows(runs):
        path = Path(run["path"]) / records.RESPONSES
        try:
            found = list(storage.read_jsonl(checked(path), records.ResponseRecord))
        except storage.RecordError:  # told of with the study's problems
            continue
        own = {name: run[name] for name in LABELS}
        rows = [
            {
                **own,
                **{name: getattr(record, name) for name in OF_RESPONSES},
                **{f"scores.{name}": record.scores.get(name) for name in scores},
            }
            for record in found
        ]
        yield pa.Table.from_pylist(rows, schema)


def _write(path: Path, parts: Iterator[pa.Table]) -> pa.Schema | None:
    """Write tables of one schema as a file; None where there are none."""
    first = next(parts, None)
    path.unlink(missing_ok=True)
    if first is None:
        return None
    schema = first.schema.remove_metadata()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            writer.write_table(first.replace_schema_metadata(None))
            for part in parts:
                writer.write_table(part)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return schema


def _described(file: str, field: Any, study: Study) -> Field:
    """The dictionary's line for a column."""
    known = OF_OUTCOMES if file == "outcomes.parquet" else OF_RESPONSES
    if field.name in known and file != "runs.parquet":
        unit, doc = known[field.name]
    elif file == "responses.parquet" and field.name.startswith("scores."):
        name = next((one.name for one in study.outcomes if one.column == field.name), "")
        unit, doc = "", name or "behaviour: 1 where the response shows it, else 0"
    else:
        declared = columns.column_of(field.name)
        unit, doc = declared.unit, declared.doc
    return Field(file, field.name, str(field.type), unit, doc)
