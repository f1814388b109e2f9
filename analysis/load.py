"""Run folders to one tidy frame. What cannot be used is listed, never silently dropped."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from analysis import columns
from analysis.labels import arms, conditions
from harness import records

CACHE = ".analysis.parquet"
RESERVED = {"report"}
CACHE_VERSION = "1"
CONFIG_AGREES = {"mask.name": "mask", "model.name": "model", "data.name": "data", "seed": "seed"}
"""Config keys that the result repeats: a folder in which they differ was put together by hand."""


class Problem(NamedTuple):
    """Something in a sweep's folder that the analysis does not use, or uses in part.

    Attributes:
        sweep: name of the sweep's folder.
        run: name of the run's folder.
        kind: failed, unfinished, corrupt, foreign, duplicate, unfair, ambiguous or unpaired.
        message: why, in one line.
    """

    sweep: str
    run: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.sweep}/{self.run}: {self.kind}: {self.message}"


class Loaded(NamedTuple):
    """What one or more sweeps hold.

    Attributes:
        runs: one row per finished run, columns as declared in `columns.COLUMNS`.
        problems: everything else that lies there.
    """

    runs: pd.DataFrame
    problems: list[Problem]


class LoadError(ValueError):
    """A folder cannot be analysed at all: one line."""


def load(*folders: str | Path) -> pd.DataFrame:
    """One row per finished run of one or more sweeps, for notebooks.

    Columns are declared in `analysis.columns.COLUMNS`; what could not be used stands in `.attrs["problems"]`
    and is warned of.

    Raises:
        LoadError: a folder is missing or holds no finished run.
    """
    runs, problems = read([Path(folder) for folder in folders])
    if problems:
        warnings.warn(f"{len(problems)} not used, see .attrs['problems']; first: {problems[0]}", stacklevel=2)
    runs.attrs["problems"] = [str(problem) for problem in problems]
    return runs


def read(folders: Sequence[Path]) -> Loaded:
    """Read sweeps' folders: their finished runs and, apart, everything that is not one.

    Raises:
        LoadError: a folder is missing, is itself a run, or none holds a finished run.
    """
    frames, problems = [], []
    for folder in folders:
        frame, found = _read_sweep(folder)
        problems += found
        if not frame.empty:
            frames.append(frame)
    if not frames:
        first = f"; first: {problems[0]}" if problems else ""
        raise LoadError(f"{', '.join(map(str, folders))}: no finished run{first}")
    runs = pd.concat(frames, ignore_index=True)
    runs, duplicates = _without_duplicates(runs)
    runs = _typed(runs)
    runs["arm"] = arms(runs)
    runs["condition"] = conditions(runs)
    return Loaded(runs.copy(), problems + duplicates)


def _read_sweep(folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The finished runs of one sweep, from the cache where a run has not changed since."""
    if not folder.is_dir():
        raise LoadError(f"{folder}: no such folder")
    if (folder / records.CONFIG).exists():
        raise LoadError(f"{folder}: is a single run; give its sweep's folder, {folder.parent}")
    sweep = folder.resolve().name
    stamps = {
        entry.name: _stamp(entry.path)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.is_dir() and entry.name not in RESERVED and not entry.name.startswith(".")
    }
    cached = _cached(folder / CACHE)
    known = {} if cached.empty else dict(zip(cached["run"], cached["stamp"], strict=True))
    rows, problems = [], []
    for name, stamp in stamps.items():
        if known.get(name) == stamp:
            continue
        outcome = _read_run(folder / name)
        if isinstance(outcome, dict):
            rows.append({"run": name, "stamp": stamp, **outcome})
        else:
            kind, message = outcome
            problems.append(Problem(sweep, name, kind, _one_line(message, folder / name)))
    kept = cached[[stamps.get(run) == stamp for run, stamp in known.items()]] if known else cached
    frame = pd.concat([part for part in (kept, pd.DataFrame(rows)) if not part.empty] or [cached], ignore_index=True)
    if rows or len(kept) < len(cached):
        _keep(frame, folder / CACHE)
    if frame.empty:
        return frame, problems
    frame = frame.drop(columns="stamp").sort_values("run", ignore_index=True)
    frame.insert(0, "sweep", sweep)
    return frame.assign(path=[str(folder / run) for run in frame["run"]]), problems


def _read_run(folder: Path) -> dict[str, Any] | tuple[str, str]:
    """A run's row, or the kind of problem and its message."""
    present = {entry.name for entry in os.scandir(folder)}
    try:
        if records.RESULT in present:
            return _row(folder)
        if records.FAILURE in present:
            failure = records.read_json(folder / records.FAILURE, records.Failure)
            ended = f" ({failure.signal})" if failure.signal else ""
            return "failed", f"{failure.error}{ended}, tried {failure.attempts} ×"
    except (records.RecordError, KeyError) as error:
        return "corrupt", str(error)
    if records.CONFIG in present:
        return "unfinished", f"no {records.RESULT}: still running, or killed"
    return "foreign", f"not a run: no {records.CONFIG}"


def _row(folder: Path) -> dict[str, Any]:
    """The row of a finished run.

    Raises:
        RecordError: a file is missing, broken, or does not belong to the others.
    """
    result = records.read_json(folder / records.RESULT, records.Result)
    if result.schema != records.SCHEMA:
        raise records.RecordError(f"{folder / records.RESULT}: schema {result.schema}, expected {records.SCHEMA}")
    row = columns.extract("result", asdict(result))
    config = columns.extract("config", _config(folder / records.CONFIG))
    for key, name in CONFIG_AGREES.items():
        if config.get(f"config.{key}") != row[name]:
            raise records.RecordError(
                f"{folder}: {records.CONFIG} has {key}={config.get(f'config.{key}')!r}, "
                f"{records.RESULT} has {name}={row[name]!r}"
            )
    encoded = {key: json.dumps(value) for key, value in config.items()}
    encoded |= {key: json.dumps(value) for key, value in row.items() if key.startswith("provenance.")}
    layers, width = config.get("config.model.layers"), config.get("config.model.width")
    size = 12.0 * layers * width**2 if isinstance(layers, int) and isinstance(width, int) else None
    return row | encoded | _lengths(folder / records.EVALS) | {"parameters": size}


def _config(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        groups: dict[str, Any] = {}
        # Runs of a sweep share most of their groups, and YAML is slow to parse: each group is parsed once.
        for block in _blocks(text):
            groups |= _parse(block)
    except OSError as error:
        raise records.RecordError(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise records.RecordError(f"{path}: not a YAML mapping: {error}") from None
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
        first = next((record for record in records.read_jsonl(path, records.EvalRecord) if record.split == "test"), None)
    except records.RecordError:
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


def _stamp(folder: str) -> str:
    """Changes when a file that the row is made of changes."""
    parts = [CACHE_VERSION]
    for name in (records.CONFIG, records.RESULT, records.EVALS):
        try:
            state = os.stat(f"{folder}/{name}")
            parts.append(f"{state.st_mtime_ns}:{state.st_size}")
        except OSError:
            parts.append("-")
    return " ".join(parts)


def _cached(path: Path) -> pd.DataFrame:
    """The cache; empty where there is none or it cannot be read, since it can always be made again."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        return pd.DataFrame()


def _keep(frame: pd.DataFrame, path: Path) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        frame.to_parquet(partial, index=False)
        partial.replace(path)
    except OSError:  # a read-only folder can be analysed too, only more slowly
        partial.unlink(missing_ok=True)


def _without_duplicates(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    again = runs.duplicated("identity")
    first = runs[~again].set_index("identity")
    problems = [
        Problem(run.sweep, run.run, "duplicate", f"same identity as {first.sweep[run.identity]}/{first.run[run.identity]}")
        for run in runs[again].itertuples()
    ]
    return runs[~again].reset_index(drop=True), problems


def _typed(runs: pd.DataFrame) -> pd.DataFrame:
    """Every column in its declared type, in the order of the table."""
    order = {column: place for place, column in enumerate(columns.COLUMNS)}
    names = sorted(runs.columns, key=lambda name: order[columns.column_of(name)])
    typed = {name: _convert(runs[name], columns.column_of(name).dtype) for name in names}
    return pd.DataFrame(typed)


def _convert(values: pd.Series, dtype: str) -> pd.Series:
    if dtype == "any":
        decoded = {text: json.loads(text) for text in values.dropna().unique()}
        kinds = {type(value) for value in decoded.values() if value is not None}
        if kinds <= {int, float}:
            return values.map(decoded).astype("float64")
        return values.map({text: None if value is None else str(value) for text, value in decoded.items()}).astype("str")
    return values.astype({"str": "str", "int": "int64", "float": "float64"}[dtype])


def _one_line(message: str, folder: Path) -> str:
    """A message without line breaks and without the folder, which the problem names already."""
    line = " ".join(message.replace(f"{folder}/", "").replace(f"{folder}: ", "").split())
    return line if len(line) <= 300 else f"{line[:299]}…"
