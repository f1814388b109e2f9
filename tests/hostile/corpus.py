"""All cases, area by area."""

from __future__ import annotations

from tests.hostile.areas import (
    command_line,
    data_files,
    environment,
    reports,
    side_commands,
    slurm,
    templates,
    values,
    weights,
    yaml_files,
)
from tests.hostile.case import Case

AREAS = (
    command_line.AREA,
    values.AREA,
    data_files.AREA,
    templates.AREA,
    yaml_files.AREA,
    weights.AREA,
    reports.AREA,
    side_commands.AREA,
    slurm.AREA,
    environment.AREA,
)

CASES: list[Case] = [case for area in AREAS for case in area.cases]

QUICK = (
    "command line: unknown key",
    "config values: mask's name above",
    "config values: sweep with a line break",
    "config values: more examples than there are",
    "data files: a line of a text",
    "weights: half of the shipped blocks",
    "weights: a number that is none",
)
"""The cases of the default tests: one or two of each area, all fast."""
