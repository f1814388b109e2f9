"""Hold what a command did against what was due."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.hostile.box import Box, is_outside, starts_a_run
from tests.hostile.case import Case
from tests.hostile.measure import MEMORY, Measured

NOISE = ("Traceback", "HYDRA_FULL_ERROR", "Exception ignored", "^[ ]+File ")
"""What no user is to see."""


class Verdict(NamedTuple):
    """A case and what is wrong with what it did.

    Attributes:
        case: the case.
        measured: what it did.
        faults: short names of all that is wrong; empty where all is well.
    """

    case: Case
    measured: Measured
    faults: list[str]


def judge(case: Case, measured: Measured, box: Box) -> Verdict:
    """Name all that is wrong."""
    faults = []
    if measured.hung:
        faults.append("hang")
    if measured.megabytes > MEMORY:
        faults.append("memory")
    if any(is_outside(box, path) for path in measured.changed):
        faults.append("outside")
    if any(re.search(noise, measured.stderr, re.MULTILINE) for noise in NOISE):
        faults.append("traceback")
    faults += _refusal(case, measured) if case.place else _work(case, measured, box)
    return Verdict(case, measured, faults)


def _refusal(case: Case, measured: Measured) -> list[str]:
    """What is wrong with an error that was due."""
    if measured.code == 0:
        return ["accepted"]
    faults = []
    lines = [line for line in measured.stderr.splitlines() if line.strip()]
    if measured.code < 0:
        faults.append("killed")
    elif measured.code != case.code:
        faults.append(f"code {measured.code}")
    if len(lines) != 1:
        faults.append(f"{len(lines)} lines")
    if not re.search(case.place, measured.stderr):
        faults.append("no place")
    if any(starts_a_run(path) for path in measured.changed):
        faults.append("started")
    elif measured.changed and not case.writes:
        faults.append("wrote")
    return faults


def _work(case: Case, measured: Measured, box: Box) -> list[str]:
    """What is wrong with a command that was to work."""
    faults = []
    if measured.code != case.code:
        faults.append(f"refused, code {measured.code}")
    if not re.search(case.says, measured.stdout + measured.stderr):
        faults.append("not said")
    if any(not any(box.here.glob(pattern)) for pattern in case.leaves):
        faults.append("not left")
    return faults
