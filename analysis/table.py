"""The tables: as frames of text for every reader, and in the terminal at the end of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analysis import columns, words
from analysis.pairs import CO_PRIMARY, PRIMARY
from analysis.study import Study, study

PRINTED = {
    "examples": "N",
    "mask": "mask",
    "seeds": "seeds",
    "exact match %": "exact\nmatch %",
    "ROUGE-L %": "ROUGE-L\n%",
    "test NLL": "test\nNLL",
    "Δ NLL [95 %]": "Δ NLL [95 %]",
    "p": "p",
}
"""Column -> its head in the terminal: what 80 characters hold; the report has the rest."""

WIDEST_MASK = 16
"""Characters of a mask's label; longer ones go on below."""

MOST_PROBLEMS = 12
"""Printed; the report lists them all."""

KEYS = ["condition", "n_examples", "arm"]


def results(study: Study) -> pd.DataFrame:
    """One row per condition, size and mask: seeds, scores, losses, and Δ with interval, p and q.

    Returns:
        Text, ready to print; columns without any content are left out.
    """
    place = {arm: number for number, arm in enumerate(study.arms)}
    order = {condition: number for number, condition in enumerate(study.conditions)}
    effects = {outcome: _indexed(frame) for outcome, frame in study.effects.items()}
    rows = []
    groups = {_key(group.iloc[0]): group for _, group in study.runs.groupby(KEYS)}
    for key in sorted(groups, key=lambda key: (order[key[0]], key[1], place[key[2]])):
        group = groups[key]
        condition, size, arm = key
        row = {
            "condition": condition,
            "examples": f"{size:,}",
            "mask": arm,
            "seeds": str(group["seed"].nunique()),
            "exact match %": _mean(group, CO_PRIMARY),
            "ROUGE-L %": _mean(group, "scores.rouge_l"),
            "chrF %": _mean(group, "scores.chrf"),
            "base NLL": _mean(group, "nll.base.answer"),
            "train NLL": _mean(group, "nll.train.answer"),
            "test NLL": _mean(group, PRIMARY),
        }
        for outcome, name in ((PRIMARY, "Δ NLL"), (CO_PRIMARY, "Δ exact match")):
            cell = effects[outcome].get(key)
            row[f"{name} [95 %]"] = (
                words.interval(cell["delta"], cell["low"], cell["high"], outcome)
                if cell is not None
                else ""
            )
            if outcome == PRIMARY:
                row["p"] = words.chance(cell["p"]) if cell is not None else ""
                row["q"] = words.chance(cell["q"]) if cell is not None else ""
        rows.append(row)
    return _without_empty(pd.DataFrame(rows))


def effects(study: Study, outcome: str) -> pd.DataFrame:
    """Every statistic of Δ in each cell, as text; the interval over seeds × prompts stands beside
    Student's.
    """
    table = study.effects[outcome]
    if table.empty:
        return table
    prompts = study.over_prompts
    own = prompts[prompts["outcome"] == outcome] if len(prompts) else prompts
    wider = _indexed(own)
    rows = []
    for cell in columns.rows(_ordered(study, table)):
        both = wider.get(_key(cell))
        rows.append(
            {
                "condition": cell["condition"],
                "examples": f"{cell['n_examples']:,}",
                "mask": cell["arm"],
                "seeds": str(cell["n"]),
                "Δ [95 %, seeds]": words.interval(
                    cell["delta"], cell["low"], cell["high"], outcome
                ),
                "Δ [95 %, seeds × prompts]": (
                    words.interval(both["estimate"], both["low"], both["high"], outcome)
                    if both
                    else ""
                ),
                "p": words.chance(cell["p"]),
                "floor of p": words.chance(cell["floor"]),
                "q": words.chance(cell["q"]),
                "p (TOST)": words.chance(cell["equivalence"]),
                "IQM": words.number(cell["iqm"], outcome),
                "P(better)": f"{cell['improvement']:.2f}",
            }
        )
    return _without_empty(pd.DataFrame(rows))


def trends(study: Study) -> pd.DataFrame:
    """Slope of Δ response NLL in log10 N and crossover N*, as text."""
    rows = [
        {
            "condition": trend["condition"],
            "mask": trend["arm"],
            "seeds": str(trend["seeds"]),
            "sizes": str(trend["sizes"]),
            "slope per tenfold N [95 %]": words.interval(
                trend["slope"], trend["slope_low"], trend["slope_high"], PRIMARY
            ),
            "p": words.chance(trend["slope_p"]),
            "N* [95 %]": words.place(trend["n_star"], trend["n_star_low"], trend["n_star_high"]),
            "draws with 0, 1, more crossings": words.shares(
                trend["none"], trend["one"], trend["several"]
            ),
            "note": trend["note"],
        }
        for trend in (columns.rows(_ordered(study, study.trends)) if len(study.trends) else [])
    ]
    return _without_empty(pd.DataFrame(rows))


def print_table(folder: Path | str, baseline: str = "full", console: Console | None = None) -> None:
    """Print a sweep's verdict and results.

    Raises:
        LoadError: the folder holds nothing to print; one line.
    """
    show(study([Path(folder)], baseline), console or Console())


def show(study: Study, console: Console) -> None:
    """Print a study's results, what is missing in it, and its verdicts."""
    frame = results(study)
    heads = {name: head for name, head in PRINTED.items() if name in frame}
    # One seed has neither an interval nor a test worth a column.
    single = bool((frame["seeds"] == "1").all())
    if single:
        heads = {name: head.removesuffix(" [95 %]") for name, head in heads.items() if name != "p"}
    seeds = set(frame["seeds"])
    if len(seeds) == 1:
        heads.pop("seeds")
    per_cell = f"{seeds.pop()} seeds per cell" if len(seeds) == 1 and not single else ""
    _say(console, ", ".join(filter(None, (f"{study.name}: {len(study.runs):,} runs", per_cell))))
    _say(console, "test NLL: of the held-out responses with their end token, nats/token")
    if single:
        _say(console, "One seed per cell: no intervals, so no Δ can be told from chance.")
    if "Δ NLL [95 %]" in heads:
        test = "" if single else "; p: exact sign-flip test"
        _say(console, f"Δ: against '{study.baseline}', above 0 is better{test}")
    conditions = frame.groupby("condition" if "condition" in frame else lambda _: "", sort=False)
    widths = {
        name: max(cell_len(cell) for cell in (*frame[name], *head.split("\n")))
        for name, head in heads.items()
    }
    for place, (condition, rows) in enumerate(conditions):
        console.print()
        if condition:
            _say(console, str(condition), "bold")
        # One head and one set of widths for all conditions: the eye runs down a column.
        console.print(_cells(rows, heads, widths, place == 0))
    console.print()
    for problem in study.problems[:MOST_PROBLEMS]:
        _say(console, f"! {problem}", "yellow")
    if len(study.problems) > MOST_PROBLEMS:
        _say(
            console,
            f"! and {len(study.problems) - MOST_PROBLEMS} more problems, all in the report",
            "yellow",
        )
    if len(study.missing):
        _say(
            console,
            f"! {len(study.missing)} cell{'s have' if len(study.missing) > 1 else ' has'} no run",
            "yellow",
        )
    for verdict in study.verdicts:
        _say(console, f"{verdict.text}: {verdict.verdict.upper()}", "bold")
        _say(console, verdict.reason[:1].upper() + verdict.reason[1:], indent=2)


def _cells(
    rows: pd.DataFrame, heads: Mapping[str, str], widths: Mapping[str, int], headed: bool
) -> Table:
    """One condition's rows, a blank line between sizes."""
    table = Table(
        box=box.SIMPLE_HEAD,
        show_header=headed,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for name, head in heads.items():
        left = name == "mask"
        table.add_column(
            head,
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=not left,
            min_width=min(widths[name], WIDEST_MASK) if left else widths[name],
        )
    ends = rows["examples"] != rows["examples"].shift(-1)
    ends.iloc[-1] = False
    for row, end in zip(rows[list(heads)].itertuples(index=False), ends, strict=True):
        table.add_row(*map(Text, row), end_section=bool(end))
    return table


def _say(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    """Print a line of plain text, its continuations set in."""
    console.print(Padding(Text(line, style=style), (0, 0, 0, indent), expand=False))


def _key(row: Mapping[str, Any] | pd.Series[Any]) -> tuple[str, int, str]:
    return row["condition"], row["n_examples"], row["arm"]


def _indexed(frame: pd.DataFrame) -> dict[tuple[str, int, str], dict[str, Any]]:
    return {_key(row): row for row in columns.rows(frame)}


def _ordered(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of conditions, sizes and arms that every table has."""
    arms = {arm: number for number, arm in enumerate(study.arms)}
    conditions = {condition: number for number, condition in enumerate(study.conditions)}
    keys = [name for name in KEYS if name in frame]
    known = {"arm": arms, "condition": conditions}
    return frame.sort_values(
        keys,
        key=lambda values: values.map(known[values.name]) if values.name in known else values,
        ignore_index=True,
    )


def _mean(group: pd.DataFrame, outcome: str) -> str:
    """A cell's mean over its seeds; "" where nothing was measured."""
    if outcome not in group or group[outcome].isna().all():
        return ""
    return words.number(float(group[outcome].mean()), outcome, signed=False)


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in frame.columns if (frame[name] != "").any()]]
