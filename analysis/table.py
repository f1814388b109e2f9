"""The tables as frames of text, for every reader: report, terminal, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import columns, words
from analysis.labels import plain, short
from analysis.outcomes import POINTS, PRIMARY, Outcome, outcome
from analysis.sentences import undecided
from analysis.study import Study
from analysis.verdict import Tested, Verdict

KEYS = ["condition", "n_examples", "arm"]

CLAIM_HEADS = (
    "effect [95 %]",
    "p, one-sided",
    "p (adjusted)",
    "p of less than the margin",
    "share of gain",
    "fresh seeds",
    "effect on those [95 %]",
    "p on those",
)
"""Of a claim's cells: the effect is Δ, or its slope for a trend."""

Key = tuple[str, int, str]


def headed(one: Outcome) -> str:
    """An outcome as the head of a column of values."""
    return f"{one.name} %" if one.unit == POINTS else one.name


def delta_head(one: Outcome) -> str:
    """An outcome as the head of a column of differences."""
    return f"Δ {one.name} [95 %]"


def results(study: Study) -> pd.DataFrame:
    """One row per condition, size and mask: seeds, losses, scores, and Δ with interval and p.

    Returns:
        Text, ready to print; columns without any content are left out.
    """
    effects = {one: indexed(study.effects[one.column]) for one in study.outcomes}
    groups = {_key(group.iloc[0]): group for _, group in study.runs.groupby(KEYS)}
    rows = [
        _results_row(key, groups[key], study.outcomes, effects) for key in _in_order(study, groups)
    ]
    return _without_empty(pd.DataFrame(rows))


def _results_row(
    key: Key,
    group: pd.DataFrame,
    outcomes: list[Outcome],
    effects: Mapping[Outcome, Mapping[Key, Mapping[str, Any]]],
) -> dict[str, str]:
    condition, size, arm = key
    row = {
        "condition": condition,
        "examples": f"{size:,}",
        "mask": arm,
        "seeds": str(group["seed"].nunique()),
        "base NLL": _mean(group, "nll.base.answer", outcome(PRIMARY)),
        "training NLL": _mean(group, "nll.train.answer", outcome(PRIMARY)),
    }
    for one in outcomes:
        row[headed(one)] = _mean(group, one.column, one)
    for one in outcomes:
        cell = effects[one].get(key)
        row[delta_head(one)] = ""
        if cell is not None:
            row[delta_head(one)] = words.interval(cell["delta"], cell["low"], cell["high"], one)
        if one.column == PRIMARY:
            row["p"] = words.chance(cell["p"]) if cell is not None else ""
            row["p (adjusted)"] = words.chance(cell["adjusted"]) if cell is not None else ""
    return row


def _in_order(study: Study, groups: Mapping[Key, Any]) -> list[Key]:
    arms = {arm: number for number, arm in enumerate(study.arms)}
    conditions = {condition: number for number, condition in enumerate(study.conditions)}
    return sorted(groups, key=lambda key: (conditions[key[0]], key[1], arms[key[2]]))


def effects(study: Study, one: Outcome) -> pd.DataFrame:
    """Every statistic of Δ in each cell, as text; the interval over seeds × prompts stands beside
    Student's.
    """
    table = study.effects[one.column]
    if table.empty:
        return table
    prompts = study.over_prompts
    own = prompts[prompts["outcome"] == one.column] if len(prompts) else prompts
    wider = indexed(own)
    rows = []
    for cell in columns.rows(_ordered(study, table)):
        both = wider.get(_key(cell))
        row = {
            "condition": cell["condition"],
            "examples": f"{cell['n_examples']:,}",
            "mask": cell["arm"],
            "seeds": str(cell["n"]),
            "Δ [95 %, seeds]": words.interval(cell["delta"], cell["low"], cell["high"], one),
            "Δ [95 %, seeds × prompts]": "",
            "p": words.chance(cell["p"]),
            "floor of p": words.chance(cell["floor"]),
            "p (adjusted)": words.chance(cell["adjusted"]),
            "p (TOST)": cell["bound"] or words.chance(cell["equivalence"]),
            "IQM": words.amount(cell["iqm"], one),
            "P(better)": f"{cell['improvement']:.2f}",
            "share of gain": words.percent(cell["share"]),
            "worth in data [95 %]": _worth(cell),
        }
        if both:
            row["Δ [95 %, seeds × prompts]"] = words.interval(
                both["estimate"], both["low"], both["high"], one
            )
        rows.append(row)
    return _without_empty(pd.DataFrame(rows))


def _worth(cell: Mapping[str, Any]) -> str:
    if "worth" not in cell:
        return ""
    return words.worth(cell["worth"], cell["worth_low"], cell["worth_high"])


def trends(study: Study) -> pd.DataFrame:
    """Slope of Δ held-out response NLL in log10 N and crossover N*, as text."""
    one = outcome(PRIMARY)
    rows = [
        {
            "condition": trend["condition"],
            "mask": trend["arm"],
            "seeds": str(trend["seeds"]),
            "sizes": str(trend["sizes"]),
            "slope per tenfold N [95 %]": words.interval(
                trend["slope"], trend["slope_low"], trend["slope_high"], one
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


def verdicts(study: Study) -> pd.DataFrame:
    """A row per mask: what loss and score say of it."""
    rows = []
    for arm in study.arms:
        row = {"mask": arm}
        for found in (study.by_loss, study.by_score):
            if arm in found:
                verdict = found[arm]
                row[verdict.outcome.name] = f"{verdict.word}: {verdict.reason}"
        if len(row) > 1:
            rows.append(row)
    return pd.DataFrame(rows).fillna("")


def claim_cells(study: Study, place: int) -> pd.DataFrame:
    """What each declared cell of a claim shows, as text."""
    verdict = study.verdicts[place]
    return _without_empty(pd.DataFrame([_claim_row(verdict, cell) for cell in verdict.cells]))


def _claim_row(verdict: Verdict, cell: Tested) -> dict[str, str]:
    one = verdict.claim.judged
    row = {"cell": cell.label, "seeds": "", **dict.fromkeys(CLAIM_HEADS, ""), "lacking": ""}
    if cell.lacking:
        return row | {"lacking": cell.lacking}
    row |= {
        "seeds": str(cell.seeds),
        "lacking": undecided(cell, verdict.claim),
        "effect [95 %]": words.interval(cell.estimate, cell.low, cell.high, one),
        "p, one-sided": words.chance(cell.p),
        "p (adjusted)": words.chance(cell.adjusted),
        "p of less than the margin": words.chance(cell.small),
        "share of gain": words.percent(cell.share),
    }
    if cell.fresh_seeds:
        row["fresh seeds"] = str(cell.fresh_seeds)
        row["effect on those [95 %]"] = words.interval(
            cell.fresh_estimate, cell.fresh_low, cell.fresh_high, one
        )
        row["p on those"] = words.chance(cell.fresh_p)
    return row


def rates(study: Study) -> pd.DataFrame:
    """The learning rates that were tried and the chosen ones, as text."""
    table = study.chosen.table
    if table.empty:
        return table
    settings = [name for name in table.columns if name.startswith(("config.", "contents."))]
    rows = []
    for row in columns.rows(table):
        note = "chosen" if row["chosen"] else ""
        if row["edge"]:
            note = "chosen, at the edge of those tried: the best may lie beyond"
        rows.append(
            {"mask": row["arm"], "examples": f"{row['n_examples']:,}"}
            | {short(name): plain(row[name]) for name in settings}
            | {"learning rate": plain(row["rate"]), "seeds": str(row["seeds"])}
            | {
                "validation response NLL": f"{row['validation']:.3f}",
                "note": note,
            }
        )
    return _without_empty(pd.DataFrame(rows))


def _key(row: Mapping[str, Any] | pd.Series[Any]) -> Key:
    return row["condition"], row["n_examples"], row["arm"]


def indexed(frame: pd.DataFrame) -> dict[Key, dict[str, Any]]:
    """A frame's rows by condition, size and arm."""
    return {_key(row): row for row in columns.rows(frame)}


def _ordered(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of conditions, sizes and arms that every table has."""
    known = {
        "arm": {arm: number for number, arm in enumerate(study.arms)},
        "condition": {name: number for number, name in enumerate(study.conditions)},
    }
    return frame.sort_values(
        [name for name in KEYS if name in frame],
        key=lambda values: values.map(known[values.name]) if values.name in known else values,
        ignore_index=True,
    )


def _mean(group: pd.DataFrame, column: str, one: Outcome) -> str:
    """A cell's mean over its seeds; "" where nothing was measured."""
    if column not in group or group[column].isna().all():
        return ""
    return words.amount(float(group[column].mean()), one, signed=False)


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in frame.columns if (frame[name] != "").any()]]
