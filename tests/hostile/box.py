"""The folders that a case runs in, and what it changed in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from tests.hostile.case import Case
from tests.tiny import write_records

NOBODY = 65_534

RUN_FILES = {"config.yaml", "log.txt", "steps.jsonl", "failure.json", "result.json"}
"""Files that tell that a run was started."""


class Box(NamedTuple):
    """A case's folders.

    Attributes:
        root: holds all the others.
        here: the working directory.
        outside: a folder that is none of the command's business.
        home: the user's home.
        temporary: for temporary files, which need not be watched.
    """

    root: Path
    here: Path
    outside: Path
    home: Path
    temporary: Path


def others_can_run() -> bool:
    """Whether a user without a superuser's rights, as some cases need, can read this Python."""
    prefix = Path(sys.base_prefix)
    folders = (prefix, *prefix.parents)
    return os.getuid() != 0 or all(folder.stat().st_mode & 0o5 == 0o5 for folder in folders)


def make_box(root: Path, case: Case) -> Box:
    """Make the folders and the case's files."""
    box = Box(root, root / "a" / "b" / "here", root / "outside", root / "home", root / "tmp")
    for folder in box[1:]:
        folder.mkdir(parents=True)
    write_records(box.here / "records.jsonl", 30)
    case.make(box.here)
    if case.user and os.getuid() == 0:
        for path in [root, *root.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return box


def filled(text: str, box: Box) -> str:
    """A word of a command with the box's folders in it."""
    return text.replace("{here}", str(box.here)).replace("{outside}", str(box.outside))


def files(box: Box) -> dict[str, tuple[int, int]]:
    """Every file below the box with its size and time of change, folders too; not what is
    temporary.
    """
    found = {}
    for folder, names, others in os.walk(box.root):
        if Path(folder) == box.temporary:
            names.clear()
            continue
        for name in [*names, *others]:
            path = f"{folder}/{name}"
            state = os.lstat(path)
            size = state.st_size if name in others else 0
            changed = state.st_mtime_ns if name in others else 0
            found[path] = (size, changed)
    return found


def changed(box: Box, before: dict[str, tuple[int, int]]) -> list[Path]:
    """The files and folders that are new, other or gone."""
    now = files(box)
    return sorted(Path(path) for path in {*now, *before} if now.get(path) != before.get(path))


def is_outside(box: Box, path: Path) -> bool:
    """Whether a path is neither the working directory's nor what a library keeps in the home."""
    kept = (box.here, box.home / ".cache", box.home / ".config")
    return not any(path.is_relative_to(folder) for folder in kept)


def starts_a_run(path: Path) -> bool:
    """Whether a new file tells that a run was started."""
    return path.name in RUN_FILES
