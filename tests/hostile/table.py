"""What became of the cases, as a table and as a line for each that went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from tests.hostile.case import TOY
from tests.hostile.judge import Verdict

HEADS = ("area", "due", "one line", "%", "to work", "works", "hung", "memory", "outside",
         "worst s", "worst MB")  # fmt: skip

LEAST = 0.98
"""The least share of the cases that do what is due."""

NEVER = ("hang", "memory", "outside", "differs from the fork")
"""Faults that none may have."""


def table(verdicts: Sequence[Verdict]) -> Table:
    """A row for each area, and one for all."""
    shown = Table(*HEADS)
    for column in shown.columns[1:]:
        column.justify = "right"
    areas = dict.fromkeys(verdict.case.area for verdict in verdicts)
    for area in areas:
        shown.add_row(*row(area, [each for each in verdicts if each.case.area == area]))
    shown.add_section()
    shown.add_row(*row("all", verdicts))
    return shown


def row(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    """The figures of some cases, in the order of `HEADS`."""
    due = [verdict for verdict in verdicts if verdict.case.place]
    clear = sum(not verdict.faults for verdict in due)
    work = [verdict for verdict in verdicts if not verdict.case.place]
    counts = [
        sum(fault in verdict.faults for verdict in verdicts)
        for fault in ("hang", "memory", "outside")
    ]
    return [
        name,
        str(len(due)),
        str(clear),
        f"{100 * clear / len(due):.1f}" if due else "",
        str(len(work)),
        str(sum(not verdict.faults for verdict in work)),
        *map(str, counts),
        f"{max(verdict.measured.seconds for verdict in verdicts):.1f}",
        str(max(verdict.measured.megabytes for verdict in verdicts)),
    ]


def details(verdict: Verdict) -> list[str]:
    """A few lines for a case that went wrong: what, the command, and the end of its error."""
    if not verdict.faults:
        return []
    case, measured = verdict.case, verdict.measured
    own = [word for word in case.command if word not in TOY]
    said = [line for line in measured.stderr.splitlines() if line.strip()][-2:]
    return [
        f"{case.id}: {', '.join(verdict.faults)} ({measured.seconds:.1f} s)",
        f"    {' '.join(own)[:200]!r}",
        *(f"    {line[:300]}" for line in said),
    ]


def unmet(verdicts: Sequence[Verdict]) -> list[str]:
    """What is demanded of all cases together and not met: a line each."""
    failed = []
    for name, part in (
        ("errors of one clear line", [each for each in verdicts if each.case.place]),
        ("commands that work", [each for each in verdicts if not each.case.place]),
    ):
        sound = sum(not verdict.faults for verdict in part)
        if sound < LEAST * len(part):
            failed.append(f"{name}: {sound} of {len(part)}, expected {LEAST:.0%}")
    for fault in NEVER:
        count = sum(fault in verdict.faults for verdict in verdicts)
        if count:
            failed.append(f"{fault}: {count}, expected none")
    return failed
