"""One run folder to its row of the run table, or to why it has none."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from analysis import columns
from harness import records
from harness.records import storage

VERSION = "1"
"""Of rows: raised when they come to be made in another way, so that no cache outlives it."""

CONFIG_AGREES = {"mask.name": "mask", "model.name": "model", "data.name": "data", "seed": "seed"}
"""Config keys that the result repeats: a folder in which they differ was put together by hand."""


def read_run(folder: Path) -> dict[str, Any] | tuple[str, str]:
    """A run's row, or the kind of problem and its message."""
    present = {entry.name for entry in os.scandir(folder)}
    try:
        if records.RESULT in present:
            return _row(folder)
        if records.FAILURE in present:
            failure = storage.read_json(folder / records.FAILURE, records.Failure)
            ended = f" ({failure.signal})" if failure.signal else ""
            return "failed", f"{failure.error}{ended}, tried {failure.attempts} ×"
    except (storage.RecordError, KeyError) as error:
        return "corrupt", str(error)
    if records.CONFIG in present:
        return "unfinished", f"no {records.RESULT}: still running, or killed"
    return "foreign", f"not a run: no {records.CONFIG}"


def _row(folder: Path) -> dict[str, Any]:
    """The row of a finished run.

    Raises:
        RecordError: a file is missing, broken, or does not belong to the others.
    """
    result = storage.read_json(folder / records.RESULT, records.Result)
    if result.schema != records.SCHEMA:
        raise storage.RecordError(
            f"{folder / records.RESULT}: schema {result.schema}, expected {records.SCHEMA}"
        )
    row = columns.extract("result", asdict(result))
    config = columns.extract("config", _config(folder / records.CONFIG))
    for key, name in CONFIG_AGREES.items():
        if config.get(f"config.{key}") != row[name]:
            raise storage.RecordError(
                f"{folder}: {records.CONFIG} has {key}={config.get(f'config.{key}')!r}, "
                f"{records.RESULT} has {name}={row[name]!r}"
            )
    encoded = {key: json.dumps(value) for key, value in config.items()}
    encoded |= {
        key: json.dumps(value) for key, value in row.items() if key.startswith("provenance.")
    }
    layers, width = config.get("config.model.layers"), config.get("config.model.width")
    size = 12.0 * layers * width**2 if isinstance(layers, int) and isinstance(width, int) else None
    return row | encoded | _lengths(folder / records.EVALS) | {"parameters": size}


def _config(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        groups: dict[str, Any] = {}
        # Runs of a sweep share most of their groups, and YAML is slow to parse: each group is
        # parsed once.
        for block in _blocks(text):
            groups |= _parse(block)
    except OSError as error:
        raise storage.RecordError(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise storage.RecordError(f"{path}: not a YAML mapping: {error}") from None
    return groups


def _blocks(text: str) -> list[str]:
    """A block-style YAML mapping cut before each of its top keys."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines(keepends=True):
        if line[:1].isalpha() and blocks[-1]:
            blocks.append([])
        blocks[-1].append(line)
    return ["".join(block) for block in blocks]


@lru_cache(maxsize=65_536)
def _parse(text: str) -> dict[str, Any]:
    found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(found, dict):
        raise TypeError(f"found {type(found).__name__}")
    return found


def _lengths(path: Path) -> dict[str, float]:
    """Mean lengths of the test examples, from the first evaluation; none where that cannot be read.

    The fault itself is reported where the curves are read, which need the whole file.
    """
    try:
        evaluations = storage.read_jsonl(path, records.EvalRecord)
        first = next((record for record in evaluations if record.split == "test"), None)
    except storage.RecordError:
        return {}
    ends = first.roles.get("end") if first else None
    if first is None or ends is None or not ends.tokens:
        return {}
    tokens = {role: loss.tokens for role, loss in first.roles.items()}
    answer = tokens.get("response", 0) + tokens["end"]
    prompt = sum(tokens.values()) - answer
    # Every example has one end token, unless it was cut.
    count = tokens["end"]
    return {
        "length.prompt": prompt / count,
        "length.answer": answer / count,
        "length.total": (prompt + answer) / count,
        "length.ratio": prompt / answer,
    }


def stamp(folder: str) -> str:
    """Changes when a file that the row is made of changes."""
    parts = [VERSION]
    for name in (records.CONFIG, records.RESULT, records.EVALS):
        try:
            state = os.stat(f"{folder}/{name}")
            parts.append(f"{state.st_mtime_ns}:{state.st_size}")
        except OSError:
            parts.append("-")
    return " ".join(parts)
