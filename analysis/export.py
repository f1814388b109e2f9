"""Tables for papers: CSV for machines, Markdown for manuscripts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import table
from analysis.pairs import CO_PRIMARY, PRIMARY
from analysis.study import Study
from analysis.text import for_markdown, for_spreadsheet
from analysis.verdict import Verdict

NOT_EXPORTED = ("path",)


def write_tables(study: Study, folder: Path) -> None:
    """Write runs, pairs and effects as CSV with full digits, and the printed tables as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = study.runs.drop(columns=list(NOT_EXPORTED))
    names = runs["sweep"] + "/" + runs["run"]
    pairs = study.pairs.assign(
        run=study.pairs["run"].map(names), baseline_run=study.pairs["baseline_run"].map(names)
    )
    frames = {
        "runs": runs,
        "pairs": pairs,
        "effects_nll": study.effects[PRIMARY],
        "effects_exact_match": study.effects[CO_PRIMARY],
        "effects_seeds_prompts": study.over_prompts,
        "trends": study.trends,
        "missing": study.missing,
        "problems": pd.DataFrame(study.all_problems, columns=["sweep", "run", "kind", "message"]),
    }
    for name, frame in frames.items():
        for_spreadsheet(frame).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "results.md").write_text(markdown(study), "utf-8")


def markdown(study: Study) -> str:
    """The verdicts and the printed tables."""
    lines = [f"# {for_markdown(study.name)}", ""]
    for verdict in study.verdicts:
        head, reason = f"{verdict.text}: {verdict.verdict}.", for_markdown(verdict.reason)
        lines.append(f"**{for_markdown(head)}** {reason}\n")
    sections = {
        "Results": table.results(study),
        "Δ response NLL": table.effects(study, PRIMARY),
        "Δ exact match": table.effects(study, CO_PRIMARY),
        "Trend with training size": table.trends(study),
    }
    for title, frame in sections.items():
        if not frame.empty:
            lines += [f"## {title}", "", markdown_table(frame), ""]
    return "\n".join(lines)


def markdown_table(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table."""
    rows: list[Sequence[str]] = [
        list(frame.columns),
        ["---"] * len(frame.columns),
        *frame.to_numpy().tolist(),
    ]
    return "\n".join(
        "| " + " | ".join(for_markdown(str(cell)) for cell in row) + " |" for row in rows
    )


def write_verdicts(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write the verdicts as JSON; what could not be worked out is null."""
    content = [
        verdict._asdict()
        | {
            "pooled": verdict.pooled._asdict() if verdict.pooled else None,
            "parts": [part._asdict() for part in verdict.parts],
        }
        for verdict in verdicts
    ]
    path.write_text(
        json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )


def _finite(value: Any) -> Any:
    """The same with null for every number that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
