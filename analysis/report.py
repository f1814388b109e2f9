"""One self-contained HTML file, the figures, tables and verdicts beside it; the same bytes for the
same runs.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from analysis import columns, export, figures, table, words
from analysis.labels import factors
from analysis.pairs import CO_PRIMARY, PRIMARY
from analysis.study import Study
from analysis.text import visible

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = 4
MOST_VALUES = 6
"""Different values of one provenance key that are listed; beyond, they are counted."""

SORT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], number = text => parseFloat(text.replace(/,/g, "").replace("−", "-"));
  table.querySelectorAll("th").forEach((head, column) => {
    let up = false;
    const sort = () => {
      up = !up;
      const cell = row => row.cells[column].textContent.trim();
      const order = (a, b) => isNaN(number(cell(a))) || isNaN(number(cell(b)))
        ? cell(a).localeCompare(cell(b)) : number(cell(a)) - number(cell(b));
      [...body.rows].sort((a, b) => up ? order(a, b) : order(b, a)).forEach(row => body.append(row));
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}
"""


class Sheet(NamedTuple):
    """A table of the report."""

    title: str
    note: str
    frame: pd.DataFrame


class Example(NamedTuple):
    """One prompt and what each arm answered."""

    where: str
    prompt: str
    reference: str
    answers: list[tuple[str, str, float | None]]


def write_report(study: Study, out: Path) -> Path:
    """Write `index.html`, `figures/`, `tables/` and `verdict.json` into `out`; return the path of
    the page.
    """
    drawn, unfit = figures.draw(study)
    figures.write(drawn, out / "figures")
    export.write_tables(study, out / "tables")
    export.write_verdicts(study.verdicts, out / "verdict.json")
    page = out / "index.html"
    page.write_bytes(render(study, drawn, unfit).encode("utf-8", "replace"))
    return page


def render(study: Study, drawn: dict[str, dict[str, bytes]], unfit: dict[str, str]) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shown"] = visible
    script = Markup(SORT)
    return environment.get_template("report.html.j2").render(
        study=study,
        # The page allows this one script by its hash: were a response's markup to slip through, it
        # could not run.
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(str(script).encode()).digest()).decode(),
        figures=[
            (name, figures.FIGURES[name], _pictures(name, files)) for name, files in drawn.items()
        ],
        unfit=[(figures.FIGURES[name].title, reason) for name, reason in unfit.items()],
        sheets=[sheet for sheet in _sheets(study) if not sheet.frame.empty],
        examples=_examples(study),
        compute=_compute(study.runs),
        checklist=_checklist(study),
        holes=_holes(study),
        parts=[
            [_part_row(part, verdict.outcome) for part in verdict.parts]
            for verdict in study.verdicts
        ],
    )


def _pictures(name: str, files: dict[str, bytes]) -> list[tuple[str, Markup]]:
    """A figure's SVGs with the class that says where to show each: the wide one, and on phones the
    column's.
    """
    wide = Markup(figures.inline(files["svg"], name))
    if "column.svg" not in files:
        return [("", wide)]
    return [
        ("wide", wide),
        ("column", Markup(figures.inline(files["column.svg"], f"{name}-column"))),
    ]


def _sheets(study: Study) -> list[Sheet]:
    return [
        Sheet(
            "Results",
            "Means over seeds; losses in nats/token, on the response with its end token. Δ is against "
            f"'{study.baseline}', > 0 where the mask is better. p: exact sign-flip test; q: adjusted over all cells "
            "(Benjamini–Hochberg).",
            table.results(study),
        ),
        Sheet(
            "Δ response NLL",
            "nats/token; every statistic of each cell.",
            table.effects(study, PRIMARY),
        ),
        Sheet(
            "Δ exact match",
            "In points; every statistic of each cell.",
            table.effects(study, CO_PRIMARY),
        ),
        Sheet(
            "Trend with training size",
            "Slope of Δ response NLL per tenfold of N, and the size N* at which Δ crosses zero.",
            table.trends(study),
        ),
    ]


def _part_row(part: Any, outcome: str) -> tuple[str, str, str, str, str]:
    return (
        part.label,
        str(part.seeds),
        words.interval(part.estimate, part.low, part.high, outcome),
        words.chance(part.p),
        "yes" if part.holds else "no",
    )


def _examples(study: Study) -> list[Example]:
    """The first prompts of the test set, not chosen: what each arm answered at the smallest and
    largest size.
    """
    answers = study.responses[0]
    if answers.empty:
        return []
    found = []
    condition = study.conditions[0]
    here = answers[answers["condition"] == condition]
    for size in sorted({here["n_examples"].min(), here["n_examples"].max()} - {float("nan")}):
        cell = here[here["n_examples"] == size]
        seed = cell["seed"].min()
        cell = cell[cell["seed"] == seed]
        where = ", ".join(filter(None, (f"{int(size):,} examples", condition, f"seed {int(seed)}")))
        for example in cell["id"].drop_duplicates().head(EXAMPLES):
            rows = cell[cell["id"] == example]
            given = {row["arm"]: row for row in columns.rows(rows)}
            first = next(iter(given.values()))
            answered = [
                (arm, given[arm]["response"], _known(given[arm].get(CO_PRIMARY)))
                for arm in study.arms
                if arm in given
            ]
            found.append(Example(where, first["prompt"], first["reference"], answered))
    return found


def _known(score: Any) -> float | None:
    return None if score is None or pd.isna(score) else float(score)


def _compute(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Time and tokens by phase."""
    rows = [("finished runs", f"{len(runs):,}")]
    for name in sorted(runs.columns):
        if name.startswith("seconds."):
            rows.append(
                (f"{name.removeprefix('seconds.')}: time", duration(float(runs[name].sum())))
            )
        elif name.startswith("tokens."):
            rows.append((f"{name.removeprefix('tokens.')}: tokens", f"{runs[name].sum():,.0f}"))
    total = float(sum(runs[name].sum() for name in runs.columns if name.startswith("seconds.")))
    return [*rows, ("all phases: time", duration(total))]


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _checklist(study: Study) -> list[tuple[str, str]]:
    """What someone needs to repeat or to doubt the study."""
    runs = study.runs
    failed = [
        problem for problem in study.problems if problem.kind in ("failed", "corrupt", "unfinished")
    ]
    varied = [name.removeprefix("config.") for name in factors(runs)]
    rows = [
        ("sweeps", _values(runs["sweep"])),
        ("masks", ", ".join(study.arms)),
        ("training sizes", ", ".join(f"{size:,}" for size in sorted(runs["n_examples"].unique()))),
        ("seeds", ", ".join(map(str, sorted(runs["seed"].unique())))),
        ("varies besides", ", ".join(varied) or "nothing"),
        ("may differ between arms", ", ".join(study.vary) or "the mask alone"),
        (
            "pairs that agree in examples, batches, test set and initial weights",
            f"{len(study.pairs):,}",
        ),
        (
            "pairs refused for disagreeing",
            str(sum(problem.kind == "unfair" for problem in study.problems)),
        ),
        ("failed, corrupt or unfinished runs", str(len(failed))),
    ]
    kept = [name for name in sorted(runs.columns) if name.startswith("provenance.")]
    return rows + [(name.removeprefix("provenance."), _values(runs[name])) for name in kept]


def _values(column: pd.Series) -> str:
    values = sorted(
        {f"{value:g}" if isinstance(value, float) else str(value) for value in column.dropna()}
    )
    return ", ".join(values) if len(values) <= MOST_VALUES else f"{len(values)} different values"


def _holes(study: Study) -> list[tuple[str, int]]:
    """Cells without a run, and how many seeds each lacks."""
    groups = study.missing.groupby(["condition", "n_examples", "arm"])["seed"].count().reset_index()
    return [
        (
            ", ".join(
                filter(
                    None, (f"'{row['arm']}'", f"{row['n_examples']:,} examples", row["condition"])
                )
            ),
            row["seed"],
        )
        for row in columns.rows(groups)
    ]
