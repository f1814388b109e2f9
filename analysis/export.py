"""Tables for papers: CSV for machines, Markdown for manuscripts, LaTeX for typesetters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import latex, table
from analysis.sentences import reason
from analysis.setup import setup
from analysis.study import Study
from analysis.text import for_markdown, for_spreadsheet

NOT_EXPORTED = ("path",)


def write_tables(study: Study, folder: Path) -> None:
    """Write runs, pairs and effects as CSV with full digits, and the printed tables as Markdown and
    LaTeX.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = study.runs.drop(columns=list(NOT_EXPORTED))
    names = runs["sweep"] + "/" + runs["run"]
    pairs = study.pairs.assign(
        run=study.pairs["run"].map(names), baseline_run=study.pairs["baseline_run"].map(names)
    )
    frames = {
        "runs": runs,
        "pairs": pairs,
        "effects": _all_effects(study),
        "effects_seeds_prompts": study.over_prompts,
        "trends": study.trends,
        "rates": study.chosen.table,
        "missing": study.missing,
        "problems": pd.DataFrame(study.all_problems, columns=["sweep", "run", "kind", "message"]),
    }
    for name, frame in frames.items():
        for_spreadsheet(frame).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "results.md").write_text(markdown(study), "utf-8")
    for name, frame in printed(study).items():
        if not frame.empty:
            file = re.sub(r"\W+", "_", name.lower()).strip("_")
            caption = f"{study.name}: {name.replace('Delta', 'Δ')}"
            (folder / f"{file}.tex").write_text(latex.table(frame, caption), "utf-8")


def _all_effects(study: Study) -> pd.DataFrame:
    """Every statistic of every outcome in each cell."""
    frames = []
    for one in study.outcomes:
        if not study.effects[one.column].empty:
            frame = study.effects[one.column].copy()
            frame.insert(0, "outcome", one.column)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def printed(study: Study) -> dict[str, pd.DataFrame]:
    """The tables for manuscripts, by title."""
    tables = {
        "Set-up": pd.DataFrame(setup(study), columns=["", "value"]),
        "Results": table.results(study),
        "Verdicts": table.verdicts(study),
    }
    for one in study.outcomes:
        tables[f"Delta {one.name}"] = table.effects(study, one)
    return tables | {"Trend": table.trends(study), "Rates": table.rates(study)}


def markdown(study: Study) -> str:
    """The advice, the verdicts and the printed tables."""
    lines = [f"# {for_markdown(study.name)}", "", for_markdown(study.advice), ""]
    for verdict in study.verdicts:
        head = f"{verdict.claim.text}: {verdict.word}."
        lines.append(f"**{for_markdown(head)}** {for_markdown(reason(verdict))}\n")
    for title, frame in printed(study).items():
        if not frame.empty:
            lines += [f"## {title.replace('Delta', 'Δ')}", "", markdown_table(frame), ""]
    return "\n".join(lines)


def markdown_table(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table."""
    rows: list[Sequence[str]] = [
        list(frame.columns),
        ["---"] * len(frame.columns),
        *frame.to_numpy().tolist(),
    ]
    lines = []
    for row in rows:
        cells = [for_markdown(str(cell)) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_verdicts(study: Study, path: Path) -> None:
    """Write advice and verdicts as JSON; what could not be worked out is null."""
    content = {
        "advice": study.advice,
        "baseline": study.baseline,
        "claims": [
            {
                "claim": verdict.key,
                "text": verdict.claim.text,
                "verdict": verdict.word,
                "reason": reason(verdict),
                "region": verdict.region,
                "against": verdict.against,
                "cells": [cell._asdict() for cell in verdict.cells],
            }
            for verdict in study.verdicts
        ],
        "masks": [
            {
                "mask": verdict.arm,
                "outcome": verdict.outcome.column,
                "name": verdict.outcome.name,
                "verdict": verdict.word,
                "reason": verdict.reason,
            }
            for verdict in (*study.by_loss.values(), *study.by_score.values())
        ],
    }
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", "utf-8")


def _finite(value: Any) -> Any:
    """The same with null for every number that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
