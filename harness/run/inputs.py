"""The files that runs read beside the package's own: what another machine needs to carry them
out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.config.models import Own
from harness.config.schema import Run
from harness.data.formats.hub import PREFIX
from harness.data.hub_files import hub_folder, on_hub
from harness.data.named import named_file
from harness.data.own_files import WANTED, find_own
from harness.data.templates import TEMPLATES
from harness.run.origin import file_digest

FOR_A_RUN = ("*", "*/*")
"""What a folder of data is read for: files, and those of the splits that `datasets` saved."""


class File(NamedTuple):
    """A file of an input.

    Attributes:
        name: relative to the input's folder.
        digest: sixteen hex digits over its content.
        size: in bytes.
        changed: when it was, in nanoseconds.
    """

    name: str
    digest: str
    size: int
    changed: int


class Input(NamedTuple):
    """A file or folder that a config names.

    Attributes:
        name: as the config calls it.
        folder: where its files lie, absolute.
        single: the name of the only file where the config names a file; "" for a folder.
        files: all that is read of it.
    """

    name: str
    folder: Path
    single: str
    files: tuple[File, ...]

    @property
    def digest(self) -> str:
        """Sixteen hex digits over names and contents."""
        text = "\n".join(f"{file.name} {file.digest}" for file in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def below(self, folder: Path) -> Path:
        """What a config is to name where the files lie in `folder`."""
        return folder / self.single if self.single else folder

    def lies_here(self) -> bool:
        """Whether this machine sees the same files at the same place."""
        return all(
            (state := _state(self.folder / file.name)) and state == (file.size, file.changed)
            for file in self.files
        )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def inputs_of(runs: Iterable[Run]) -> dict[str, Input]:
    """Name -> input, for all that runs read.

    Raises:
        DataError, ModelError, OSError: a file is gone since the runs were checked.
    """
    found: dict[str, Input] = {}
    seen: set[tuple[str, ...]] = set()
    for run in runs:
        named = (repr(run.data), repr(run.model), repr(run.score.also))
        if named in seen:
            continue
        seen.add(named)
        for name, path, patterns in _named(run):
            if name not in found:
                found[name] = _input(name, path, patterns)
    return found


def _named(run: Run) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """What a run's config calls its files, where they lie, and what is read of a folder."""
    data, model = run.data, run.model
    paths: list[str] = []
    if data.source == "files":
        paths += [data.path] if isinstance(data.path, str) else data.path
        paths += [data.validation_path, data.test_path]
    paths += (run.score.also or {}).values()
    for path in paths:
        if path and not path.startswith(PREFIX):  # the hub's, each machine fetches itself
            yield path, Path(path), FOR_A_RUN
    if data.source == "named" and data.named:
        for remote in filter(None, (*data.named.files, data.named.test)):
            yield remote.url, named_file(data.name, remote), ()
    if data.template not in TEMPLATES and Path(data.template).is_file():
        yield data.template, Path(data.template), ()
    if isinstance(model, Own):
        files = find_own(model.path)
        yield model.path, files.folder / files.gguf if files.gguf else files.folder, WANTED
    elif model.weights not in ("random", "shipped"):
        fetched = on_hub(model.weights)
        place = hub_folder(model.weights) if fetched else Path(model.weights)
        yield model.weights, place, (*WANTED, "*.bpe")


def _input(name: str, path: Path, patterns: tuple[str, ...]) -> Input:
    path = path.expanduser().absolute()
    if path.is_file():
        return Input(name, path.parent, path.name, (_file(path, path.parent),))
    files = {file for pattern in patterns for file in path.glob(pattern) if file.is_file()}
    return Input(name, path, "", tuple(_file(file, path) for file in sorted(files)))


def _file(path: Path, folder: Path) -> File:
    state = path.stat()
    digest = file_digest(path, state.st_size, state.st_mtime_ns)
    return File(str(path.relative_to(folder)), digest, state.st_size, state.st_mtime_ns)


def places_of(inputs: Mapping[str, Input]) -> dict[str, Path]:
    """Where the inputs lie that this machine sees at their own place."""
    return {name: each.below(each.folder) for name, each in inputs.items() if each.lies_here()}
