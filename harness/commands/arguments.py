"""Arguments of the commands that take files and switches rather than `KEY=VALUE`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from harness.records import RESULT


class Parser(argparse.ArgumentParser):
    """Python's own, whose faults are a ConfigError of one line; help is the command line's."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            ConfigError: always.
        """
        from harness.config.validate import ConfigError  # not for who only reads files

        raise ConfigError([" ".join(message.split())])


def finished_runs(folder: Path) -> list[Path]:
    """The folders of finished runs: of a sweep's folder, or of a run's alone."""
    own = [folder] if (folder / RESULT).is_file() else []
    return own or sorted(path.parent for path in folder.glob(f"*/{RESULT}"))


def nothing_finished(folder: Path) -> str:
    """The line for a folder without any."""
    return f"{folder}: no finished run, expected the folder of a sweep or of a run"


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """Hold a run's lock while its records are changed.

    Raises:
        ConfigError: a launch holds it.
    """
    from harness.engine.locks import lock

    held = lock(folder)
    if held is None:
        from harness.config.validate import ConfigError

        raise ConfigError([f"{folder}: a launch is at it, expected none"])
    with held:
        yield
