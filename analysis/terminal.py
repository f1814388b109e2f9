"""What the terminal shows at the end of a sweep: results, what is missing, verdicts, advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analysis import table
from analysis.load import Problem
from analysis.outcomes import POINTS, PRIMARY, Outcome, outcome
from analysis.sentences import reason
from analysis.study import Study
from analysis.words import listed
from harness.records.counted import counted

WIDEST_MASK = 16
"""Characters of a mask's label; longer ones go on below."""

MOST_PROBLEMS = 12
"""Printed; the report lists them all."""


def show(study: Study, console: Console) -> None:
    """Print a study's results, what is missing in it, and its verdicts."""
    frame = table.results(study)
    # One seed has neither an interval nor a test worth a column.
    single = bool((frame["seeds"] == "1").all())
    heads = _heads(study, frame, single=single)
    _preface(study, frame, heads, console, single=single)
    conditions = frame.groupby("condition" if "condition" in frame else lambda _: "", sort=False)
    widths = _widths(frame, heads)
    if sum(widths.values()) + 2 * len(widths) > console.width:
        heads.pop(_spare(study), None)  # a narrow terminal holds one score
    for place, (condition, rows) in enumerate(conditions):
        console.print()
        if condition:
            _say(console, str(condition), "bold")
        # One head and one set of widths for all conditions: the eye runs down a column.
        console.print(_cells(rows, heads, widths, headed=place == 0))
    console.print()
    _warn(study, console)
    for verdict in study.verdicts:
        _say(console, f"{verdict.claim.text}: {verdict.word.upper()}", "bold")
        said = reason(verdict)
        _say(console, said[:1].upper() + said[1:], indent=2)
    for arm in study.by_loss:
        _say(console, _verdict(study, arm, single=single))
    _say(console, study.advice, "bold")


def _verdict(study: Study, arm: str, *, single: bool) -> str:
    """What loss and score say of a mask; the figures are the loss's."""
    if single:
        return f"'{arm}': inconclusive, one seed"
    loss = study.by_loss[arm]
    said = f"'{arm}': {loss.word} in {loss.outcome.name}: {loss.reason}"
    if arm in study.by_score:
        score = study.by_score[arm]
        said += f". {score.word.capitalize()} in {score.outcome.name}"
    return f"{said}."


def _heads(study: Study, frame: pd.DataFrame, *, single: bool) -> dict[str, str]:
    """Column -> its head: what 80 characters hold; the report has the rest."""
    primary = outcome(PRIMARY)
    heads = {"examples": "N", "mask": "mask"}
    if frame["seeds"].nunique() > 1:
        heads["seeds"] = "seeds"
    for score in _scores(study)[:2]:
        first, _, rest = score.name.partition(" ")
        heads[table.headed(score)] = f"{first}\n{rest} %".replace("\n %", "\n%")
    heads[primary.name] = "held-out\nresponse NLL"
    heads[table.delta_head(primary)] = "Δ NLL" if single else "Δ NLL [95 %]"
    if not single:
        heads["p"] = "p"
    return {name: head for name, head in heads.items() if name in frame}


def _widths(frame: pd.DataFrame, heads: Mapping[str, str]) -> dict[str, int]:
    """Characters that each column needs."""
    widths = {}
    for name, head in heads.items():
        widths[name] = max(cell_len(cell) for cell in (*frame[name], *head.split("\n")))
    return widths


def _spare(study: Study) -> str:
    """The column that can be done without: the second score's."""
    scores = _scores(study)
    return table.headed(scores[1]) if len(scores) > 1 else ""


def _scores(study: Study) -> list[Outcome]:
    """What a column can stand for beside the loss."""
    return [one for one in study.outcomes if one.unit == POINTS]


def _preface(
    study: Study, frame: pd.DataFrame, heads: Mapping[str, str], console: Console, *, single: bool
) -> None:
    seeds = set(frame["seeds"])
    per_cell = f", {seeds.pop()} seeds per cell" if len(seeds) == 1 and not single else ""
    _say(console, f"{study.name}: {counted(len(study.runs), 'run')}{per_cell}")
    _say(console, "held-out response NLL: on responses and their end tokens, nats/token")
    if single and len(study.arms) > 1:
        _say(console, "One seed per cell: no intervals, so no Δ can be told from chance.")
    if table.delta_head(outcome(PRIMARY)) in heads:
        test = "" if single else "; p: exact sign-flip test"
        _say(console, f"Δ: against '{study.baseline}', above 0 is better{test}")
    if study.chosen.by_validation:
        _say(console, "Each mask at the learning rate that validation chose for it.")


def list_problems(problems: Sequence[Problem], console: Console) -> None:
    """Print the first problems, and how many more there are."""
    for problem in problems[:MOST_PROBLEMS]:
        _say(console, f"! {problem}", "yellow")
    more = len(problems) - MOST_PROBLEMS
    if more > 0:
        _say(console, f"! and {counted(more, 'more problem')}, all in the report", "yellow")


def _warn(study: Study, console: Console) -> None:
    list_problems(study.problems, console)
    if len(study.missing):
        _say(console, f"! {counted(len(study.missing), 'run')} of the grid missing", "yellow")
    for group in study.alike:
        _say(console, f"{listed(group)} are the same on these data", "yellow")


def _cells(
    rows: pd.DataFrame, heads: Mapping[str, str], widths: Mapping[str, int], *, headed: bool
) -> Table:
    """One condition's rows, a blank line between sizes."""
    grid = Table(
        box=box.SIMPLE_HEAD,
        show_header=headed,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for name, head in heads.items():
        left = name == "mask"
        grid.add_column(
            head,
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=not left,
            min_width=min(widths[name], WIDEST_MASK) if left else widths[name],
        )
    ends = rows["examples"] != rows["examples"].shift(-1)
    ends.iloc[-1] = False
    for row, end in zip(rows[list(heads)].to_numpy().tolist(), ends, strict=True):
        grid.add_row(*map(Text, row), end_section=bool(end))
    return grid


def _say(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    """Print a line of plain text, its continuations set in."""
    console.print(Padding(Text(line, style=style), (0, 0, 0, indent), expand=False))
