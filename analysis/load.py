"""Run folders to one tidy frame. What cannot be used is listed, never silently dropped."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from analysis import columns
from analysis.archive import Archive, ArchiveError, read_archive
from analysis.cache import CACHE, cached, keep
from analysis.labels import arms, conditions, contents
from analysis.run import read_run, stamp
from analysis.text import label, without_folders
from harness import records
from harness.records.visible import visible

RESERVED = {"report"}


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
        """The problem in one line."""
        return f"{self.sweep}/{self.run}: {self.kind}: {self.message}"


class Loaded(NamedTuple):
    """What one or more sweeps hold.

    Attributes:
        runs: one row per finished run, columns as declared in `columns.COLUMNS`.
        problems: everything else that lies there.
        archives: path -> what it holds, of the archives among them.
    """

    runs: pd.DataFrame
    problems: list[Problem]
    archives: dict[str, Archive]


class LoadError(ValueError):
    """A folder cannot be analysed at all: one line."""


def load(*folders: str | Path) -> pd.DataFrame:
    """One row per finished run of one or more sweeps, for notebooks.

    Columns are declared in `analysis.columns.COLUMNS`; what could not be used stands in
    `.attrs["problems"]` and is warned of.

    Raises:
        LoadError: a folder is missing or holds no finished run.
    """
    runs, problems, _ = read([Path(folder) for folder in folders])
    if problems:
        warnings.warn(
            f"{len(problems)} not used, see .attrs['problems']; first: {problems[0]}", stacklevel=2
        )
    runs.attrs["problems"] = [str(problem) for problem in problems]
    return runs


def read(folders: Sequence[Path]) -> Loaded:
    """Read folders of sweeps, of single runs, or archives: their finished runs and, apart,
    everything that is not one.

    Raises:
        LoadError: a folder is missing, or none holds a finished run.
    """
    runs, problems, archives = gather(folders)
    runs, duplicates = _without_duplicates(runs)
    runs = _typed(runs)
    runs[["contents.data", "contents.weights"]] = contents(runs)
    runs["arm"] = arms(runs)
    runs["condition"] = conditions(runs)
    return Loaded(runs.copy(), problems + duplicates, archives)


def gather(folders: Sequence[Path]) -> Loaded:
    """The rows of runs as they are kept, before types and labels; what an archive is made of.

    Raises:
        LoadError: as `read`.
    """
    frames, problems, archives = [], [], {}
    for folder in folders:
        if folder.is_file():
            archives[str(folder)] = archive = _read_archive(folder)
            frame = archive.runs.assign(path=pd.Series(str(folder), archive.runs.index, object))
            found = [Problem(*problem) for problem in archive.texts["problems"]]
        else:
            frame, found = _read_sweep(folder)
        problems += found
        if not frame.empty:
            frames.append(frame)
    if not frames:
        first = f"; first: {problems[0]}" if problems else ""
        raise LoadError(f"{', '.join(map(str, folders))}: no finished run{first}")
    runs = pd.concat(frames, ignore_index=True)
    known = {name: value for name, value in columns.BEFORE.items() if name in runs}
    return Loaded(runs.fillna(known), problems, archives)


def _read_archive(path: Path) -> Archive:
    try:
        return read_archive(path)
    except ArchiveError as error:
        raise LoadError(str(error)) from None


def _read_sweep(folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The finished runs of one sweep, from the cache where a run has not changed since."""
    if not folder.is_dir():
        raise LoadError(f"{folder}: no such folder")
    if (folder / records.CONFIG).exists():
        return _read_single(folder)
    sweep = label(folder.resolve().name)
    folders = _run_folders(folder)
    stamps = {name: stamp(path) for name, path in folders.items()}
    kept = cached(folder / CACHE)
    known = {} if kept.empty else dict(zip(kept["run"], kept["stamp"], strict=True))
    current = kept[[stamps.get(run) == mark for run, mark in known.items()]] if known else kept
    rows, problems = [], []
    for name, mark in stamps.items():
        if known.get(name) == mark:
            continue
        outcome = read_run(Path(folders[name]))
        if isinstance(outcome, dict):
            rows.append({"run": name, "stamp": mark, **outcome})
        else:
            kind, message = outcome
            problems.append(Problem(sweep, name, kind, one_line(message, Path(folders[name]))))
    parts = [part for part in (current, pd.DataFrame(rows)) if not part.empty]
    frame = pd.concat(parts or [kept], ignore_index=True)
    if rows or len(current) < len(kept):
        keep(frame, folder / CACHE)
    if not parts:
        return pd.DataFrame(), problems
    frame = frame.drop(columns="stamp").sort_values("run", ignore_index=True)
    frame.insert(0, "sweep", sweep)
    # As objects: a folder's name may hold bytes that are no text.
    paths = pd.Series([folders[run] for run in frame["run"]], frame.index, dtype=object)
    return frame.assign(path=paths), problems


def _read_single(folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """One run's folder, as a sweep of it alone."""
    whole = folder.resolve()
    sweep, run = label(whole.parent.name), label(whole.name)
    outcome = read_run(folder)
    if not isinstance(outcome, dict):
        return pd.DataFrame(), [Problem(sweep, run, outcome[0], one_line(outcome[1], folder))]
    path = pd.Series([str(folder)], dtype=object)
    return pd.DataFrame([{"sweep": sweep, "run": run, **outcome}]).assign(path=path), []


def _run_folders(folder: Path) -> dict[str, str]:
    """What may be runs in a sweep's folder: name, fit to be shown -> path."""
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in RESERVED or entry.name.startswith("."):
            continue
        # Not `entry.is_dir()` or a Path's, which raise at a link to itself or what may not be read.
        if os.path.isdir(entry.path):  # noqa: PTH112  # as said
            found[label(entry.name)] = entry.path
    return found


def _without_duplicates(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    again = runs.duplicated("identity")
    names = runs[["identity", "sweep", "run"]]
    first = {row["identity"]: f"{row['sweep']}/{row['run']}" for row in columns.rows(names[~again])}
    problems = [
        Problem(row["sweep"], row["run"], "duplicate", f"same identity as {first[row['identity']]}")
        for row in columns.rows(names[again])
    ]
    return runs[~again].reset_index(drop=True), problems


def _typed(runs: pd.DataFrame) -> pd.DataFrame:
    """Every column in its declared type, in the order of the table."""
    order = {column: place for place, column in enumerate(columns.COLUMNS)}
    names = sorted(runs.columns, key=lambda name: order[columns.column_of(name)])
    typed = {name: _convert(runs[name], columns.column_of(name).dtype) for name in names}
    return pd.DataFrame(typed)


def _convert(values: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    if dtype == "any":
        # Value by value: pandas takes longer to begin with a column than these take in all.
        decoded = [json.loads(text) if isinstance(text, str) else None for text in values.tolist()]
        kinds = {type(value) for value in decoded if value is not None}
        if kinds <= {int, float}:
            return pd.Series(decoded, values.index, "float64")
        said = [None if value is None else str(value) for value in decoded]
        return pd.Series(said, values.index, "str")
    if dtype == "path":
        return values
    if dtype == "str":
        return values.astype("str")
    return values.astype("int64") if dtype == "int" else values.astype("float64")


def one_line(message: str, folder: Path) -> str:
    """A message in one line, without the folder of the run that it is about."""
    line = " ".join(message.replace(f"{folder}/", "").replace(f"{folder}: ", "").split())
    line = visible(without_folders(line))
    return line if len(line) <= 300 else f"{line[:299]}…"
