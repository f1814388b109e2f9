"""What `data.path` may name: a file, a folder of files or of `datasets`, a set of the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.config.registry import Registry
from harness.data.errors import DataError
from harness.data.formats.hub import PREFIX, hub
from harness.data.formats.record import Format, Record
from harness.data.formats.stream import COMPRESSIONS, Stream
from harness.data.formats.tables import arrow, parquet
from harness.data.formats.text import comma_separated, json_file, json_lines
from harness.paths import located

FORMATS: Registry[Format] = Registry("the end of a file's name")
"""End of a file's name -> how its records are read."""

for _ending, _format in (
    (".json", json_file),
    (".jsonl", json_lines),
    (".ndjson", json_lines),
    (".csv", comma_separated),
    (".tsv", comma_separated),
    (".parquet", parquet),
    (".arrow", arrow),
):
    FORMATS.add(_ending, _format)

HELD_OUT = ("test", "valid", "dev", "eval")
"""What the names of files begin with that nobody means to train on."""


def read(path: str) -> Iterator[Record]:
    """The records that a path names, in order; the files of a folder by name.

    Args:
        path: a file, a folder, or `hf:owner/name[/config][@revision][:split]`.

    Raises:
        DataError: there is nothing to read at it, or something cannot be read.
    """
    if not path.isprintable():
        raise DataError(f"data.path={path!r}: expected a path without control characters")
    if path.startswith(PREFIX):
        yield from hub(path)
        return
    for file in _files(located(path)):
        compression, ending = _endings(file)
        if ending not in FORMATS:
            known = ", ".join(FORMATS.names())
            raise DataError(
                f"data.path={file}: a file of an unknown kind, expected one that ends in {known}, "
                f"maybe followed by {', '.join(COMPRESSIONS.names())}"
            )
        yield from FORMATS.get(ending)(Stream(file, compression))


def _files(path: Path) -> list[Path]:
    try:
        if not path.exists():
            raise DataError(f"data.path={path}: no such file or folder")
        if not path.is_dir():
            return [path]
        if (path / "dataset_dict.json").is_file():
            return _files(_split(path))
        if (path / "state.json").is_file():
            return _arrow_files(path)
        return _folder(path)
    except OSError as error:
        raise DataError(f"data.path={path}: {error.strerror}") from None


def _endings(file: Path) -> tuple[str, str]:
    """How a file is compressed and what it is, by the end of its name."""
    last = file.suffix.lower()
    if last in COMPRESSIONS:
        return last, Path(file.stem).suffix.lower()
    return "", last


def _folder(path: Path) -> list[Path]:
    shown = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    files = [file for file in shown if file.is_file() and _endings(file)[1] in FORMATS]
    if not files:
        names = ", ".join(file.name for file in shown[:5])
        found = f"no data file in the folder, only {names}" if names else "an empty folder"
        raise DataError(
            f"data.path={path}: {found}; expected files that end in {', '.join(FORMATS.names())}"
        )
    held_out = [file for file in files if file.name.lower().startswith(HELD_OUT)]
    if held_out and len(held_out) < len(files):
        raise DataError(
            f"data.path={path}: {held_out[0].name} beside {len(files) - len(held_out)} others, "
            "expected a folder to train on; name files with data.path and data.test_path"
        )
    return files


def _split(path: Path) -> Path:
    """The training split of a folder that `DatasetDict.save_to_disk` wrote."""
    names = [folder.name for folder in sorted(path.iterdir()) if (folder / "state.json").is_file()]
    if len(names) == 1:
        return path / names[0]
    if "train" in names:
        return path / "train"
    raise DataError(
        f"data.path={path}: splits {', '.join(names) or 'none'}, expected train or one alone; "
        f"name a split's folder"
    )


def _arrow_files(path: Path) -> list[Path]:
    """The files of a folder that `Dataset.save_to_disk` wrote, in the order that it says."""
    state = path / "state.json"
    try:
        return [path / part["filename"] for part in json.loads(state.read_text())["_data_files"]]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{state}: expected the state of a folder of datasets") from None
