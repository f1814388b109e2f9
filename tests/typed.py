"""Command lines as somebody types them: what they say, and the runs that they compose."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.__main__ import main
from harness.commands.run import asked_of
from harness.config.command_line import grammar
from harness.config.compose import jobs_of, opened, parse_all
from harness.config.schema import Run
from harness.engine.launchers import LAUNCHERS

Capture = pytest.CaptureFixture[str]


def said(capture: Capture, *arguments: str) -> list[str]:
    """The lines of a faulty command line, which has written nothing."""
    before = sorted(Path().rglob("*"))
    assert main(arguments) == 2
    told = capture.readouterr()
    assert told.out == "" and sorted(Path().rglob("*")) == before
    lines = told.err.splitlines()
    assert all(line.startswith("harness") for line in lines), lines
    return lines


def runs_of(*arguments: str) -> list[Run]:
    """The runs that a command line composes."""
    asked = asked_of(arguments)
    assert asked.faults == []
    allowed = grammar(Run)._replace(many=asked.many, launcher=None)
    settings = {name: each.settings for name, each in LAUNCHERS.items()}
    return parse_all(jobs_of(opened(asked.folders, settings), asked.keys, allowed).configs)
