"""`croissant.json`: the data set described for machines, as MLCommons' Croissant 1.0 has it
(https://docs.mlcommons.org/croissant/docs/croissant-spec.html).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import columns

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""As the specification's appendix gives it, and MLCommons' own library."""

TYPES = {"int": "sc:Integer", "double": "sc:Float", "float": "sc:Float", "bool": "sc:Boolean"}
"""Beginning of an Arrow type -> the type that Croissant knows; all else is text."""


PACKAGE = "prompt-mask-harness"
OWN_LICENCE = "MIT"


def write_croissant(
    name: str, runs: pd.DataFrame, files: Sequence[Path], dictionary: pd.DataFrame, path: Path
) -> Path:
    """Describe Parquet files.

    Args:
        name: of the study.
        runs: its run table.
        files: the Parquet files.
        dictionary: a row for each column: file, column, type, unit, doc.
        path: of the description, which is returned.
    """
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": (
            "Fine-tuning runs that differ in the loss mask of the prompt: one row per run, per "
            "outcome, and per response to a held-out prompt."
        ),
        **_recommended(name, runs),
        "distribution": [_file(file) for file in files],
        "recordSet": [
            _records(file.stem, file.name, dictionary[dictionary["file"] == file.name])
            for file in files
        ],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def _recommended(name: str, runs: pd.DataFrame) -> dict[str, Any]:
    """What the specification recommends, from the records: the date is that of the last run."""
    finished = runs["provenance.finished"].dropna() if "provenance.finished" in runs else ()
    date = str(max(finished))[:10] if len(finished) else ""
    year = f", year = {{{date[:4]}}}" if date else ""
    made_with = version(PACKAGE)
    told = {
        "license": licences(runs),
        "version": made_with,
        "citeAs": (
            f"@misc{{{PACKAGE}, author = {{The prompt mask harness authors}}, title = {{{name}: "
            f"fine-tuning runs with masks of the loss}}, version = {{{made_with}}}{year}}}"
        ),
    }
    return told | ({"datePublished": date} if date else {})


def licences(runs: pd.DataFrame) -> list[str]:
    """Of the records and of each set whose texts they hold, as far as it is known."""
    found = [OWN_LICENCE]
    named = runs.get("config.data.named.licence")
    for number, (data, source) in enumerate(zip(runs["data"], _sources(runs), strict=True)):
        known = None if named is None else named.iloc[number]
        if isinstance(known, str):
            found.append(f"{data}: {known}")
        elif source not in ("builtin", "reasoning_gym"):
            found.append(f"{data}: that of its files")
    return list(dict.fromkeys(found))


def _sources(runs: pd.DataFrame) -> Sequence[Any]:
    """Where each run's examples come from; what was recorded before that key is built in."""
    column = "config.data.source"
    return list(runs[column]) if column in runs else ["builtin"] * len(runs)


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _records(name: str, file: str, fields: pd.DataFrame) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [_field(name, file, row) for row in columns.rows(fields)],
    }


def _field(records: str, file: str, row: dict[str, Any]) -> dict[str, Any]:
    unit = f" [{row['unit']}]" if row["unit"] else ""
    kind = next((known for start, known in TYPES.items() if row["type"].startswith(start)), "")
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{row['column']}",
        "name": row["column"],
        "description": row["doc"] + unit,
        "dataType": kind or "sc:Text",
        "source": {"fileObject": {"@id": file}, "extract": {"column": row["column"]}},
    }
