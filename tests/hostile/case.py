"""A hostile case as data: files to make, a command, and what is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Make = Callable[[Path], object]
"""Makes a case's files in the folder it is given, the command's working directory."""

TOY = (
    "model=nano model.weights=random model.layers=1 model.width=32 model.heads=2 model.context=64 "
    "data=file data.path=records.jsonl data.size=6 data.validation=2 data.test=4 "
    "data.template=plain train.epochs=1 train.batch_tokens=128 score.responses=2 "
    "score.response_tokens=4 device=cpu threads=1 sweep=s"
).split()
"""One run of a random model on the thirty records that lie in every case's folder."""


def nothing(folder: Path) -> None:
    """Make no files."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One command and what is due.

    In the command and in `environment`, `{here}` stands for the working directory and `{outside}`
    for a folder beside it, in which nothing may be written.

    Attributes:
        name: unique in its area.
        area: the table's row.
        command: the arguments after `python -m harness`.
        place: a pattern that the line of the error matches; "" where the command must work.
        says: a pattern in all that is printed, where the command must work.
        leaves: files that the command must leave, as patterns below the working directory.
        make: makes the files.
        code: the exit code that is due.
        writes: whether an error may leave files in the working directory, such as a report.
        alone: whether it needs a process of its own, since it looks at the streams or variables
            that Python reads at its start.
        stdin: standard input.
        stdout: where standard output goes: a "file", "closed", or a "pipe" that is read no further
            than its first byte.
        environment: variables.
        user: whether it needs a user without a superuser's rights.
        disk: kilobytes of a file system of its own, at `disk` in the working directory; 0 for none.
        wait: seconds after which the process is interrupted as by Ctrl-C; 0 for never.
    """

    name: str
    area: str
    command: Sequence[str]
    place: str = ""
    says: str = ""
    leaves: Sequence[str] = ()
    make: Make = nothing
    code: int = 0
    writes: bool = False
    alone: bool = False
    stdin: str = ""
    stdout: str = "file"
    environment: Mapping[str, str] = field(default_factory=dict)
    user: bool = False
    disk: int = 0
    wait: float = 0.0

    @property
    def id(self) -> str:
        """Its area and name, which is unique."""
        return f"{self.area}: {self.name}"


def toy(*overrides: str) -> list[str]:
    """The toy run's command with other values: a key that is given replaces the toy's."""
    given = {override.partition("=")[0].lstrip("+~") for override in overrides}
    return [*(word for word in TOY if word.partition("=")[0] not in given), *overrides]


class Area:
    """Collects the cases of one area."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    def refuse(
        self, name: str, command: Sequence[str] | str, place: str, code: int = 2, **rest: Any
    ) -> None:
        """A case that must end in one line that matches `place`."""
        self._add(name, command, place=place, code=code, **rest)

    def work(self, name: str, command: Sequence[str] | str, says: str = "", **rest: Any) -> None:
        """A case that must simply work."""
        self._add(name, command, says=says, **rest)

    def _add(self, name: str, command: Sequence[str] | str, **rest: Any) -> None:
        words = command.split() if isinstance(command, str) else command
        self.cases.append(Case(name=name, area=self.name, command=words, **rest))
