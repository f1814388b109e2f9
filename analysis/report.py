"""One self-contained HTML file, the figures, tables and verdicts beside it; the same bytes for the
same runs.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from analysis import columns, drawing, export, figures, table, traces
from analysis.described import described, doubtful
from analysis.labels import factors
from analysis.outcomes import PRIMARY
from analysis.sentences import reason
from analysis.setup import listing, setup
from analysis.study import Study
from analysis.words import listed
from harness.records.visible import visible

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = 4


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


class Claimed(NamedTuple):
    """A claim's verdict as the page shows it."""

    word: str
    text: str
    reason: str
    cells: pd.DataFrame


def write_report(study: Study, out: str | Path) -> Path:
    """Write `index.html`, `figures/`, `tables/` and `verdict.json` into `out`; return the path of
    the page.
    """
    out = Path(out)
    drawn, unfit = drawing.draw(study)
    drawing.write(drawn, out / "figures")
    export.write_tables(study, out / "tables")
    export.write_verdicts(study, out / "verdict.json")
    page = out / "index.html"
    page.write_bytes(render(study, drawn, unfit).encode("utf-8", "replace"))
    return page


def render(study: Study, drawn: dict[str, dict[str, bytes]], unfit: dict[str, str]) -> str:
    """The page as text."""
    script = Markup((TEMPLATES / "report.js").read_text("utf-8"))
    return _template().render(
        study=study,
        # The page allows this one script by its hash: were a response's markup to slip through, it
        # could not run.
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(str(script).encode()).digest()).decode(),
        figures=[
            (name, figures.FIGURES[name], _pictures(name, files)) for name, files in drawn.items()
        ],
        unfit=[(figures.FIGURES[name].title, reason) for name, reason in unfit.items()],
        claims=_claimed(study),
        setup=setup(study),
        sheets=[sheet for sheet in _sheets(study) if not sheet.frame.empty],
        examples=examples(study),
        compute=_compute(study.runs),
        checklist=_checklist(study),
        holes=_holes(study),
        doubtful=doubtful(study.runs),
        alike=[listed(group) for group in study.alike],
    )


@cache
def _template() -> jinja2.Template:
    """The page's template, compiled once in a process."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shown"] = visible
    return environment.get_template("report.html.j2")


def _claimed(study: Study) -> list[Claimed]:
    return [
        Claimed(verdict.word, verdict.claim.text, reason(verdict), table.claim_cells(study, place))
        for place, verdict in enumerate(study.verdicts)
    ]


def _pictures(name: str, files: dict[str, bytes]) -> list[tuple[str, Markup]]:
    """A figure's SVGs with the class that says where to show each: the wide one, and on phones the
    column's.
    """
    wide = Markup(drawing.inline(files["svg"], name))
    if "column.svg" not in files:
        return [("", wide)]
    return [
        ("wide", wide),
        ("column", Markup(drawing.inline(files["column.svg"], f"{name}-column"))),
    ]


def _sheets(study: Study) -> list[Sheet]:
    """The tables of the page, in the order of asking."""
    delta = (
        f"Δ is against '{study.baseline}', > 0 where the mask is better; NLL in nats/token on the "
        "response with its end token, scores in points. p: exact two-sided sign-flip test over "
        "seeds; p (adjusted): adjusted over all rows."
    )
    sheets = [
        Sheet("Verdicts", "What the effects below say of each mask.", table.verdicts(study)),
        Sheet("Results", f"Means over seeds. {delta}", table.results(study)),
        Sheet(
            "Learning rates",
            "Every rate that was tried; the chosen one has the least mean NLL on validation.",
            table.rates(study),
        ),
    ]
    for one in study.outcomes:
        note = "Every statistic of each cell."
        if one.column == PRIMARY:
            note += (
                " Share of gain: Δ over NLL(base) − NLL(baseline). Worth in data: how many times "
                "the examples the baseline would need to do as well."
            )
        sheets.append(Sheet(f"Δ {one.name}", note, table.effects(study, one)))
    data = (
        "The training subsets, all their texts together, means over seeds; prompts without the "
        "template. Near-duplicates share four fifths of their pairs of words."
    )
    sheets.append(Sheet("The data", data, described(study.runs)))
    trend = "Slope of Δ held-out response NLL per tenfold of N, and the size N* where Δ is zero."
    return [*sheets, Sheet("Trend with training size", trend, table.trends(study))]


def examples(study: Study) -> list[Example]:
    """The first prompts of the test set, not chosen: what each arm answered at the smallest and
    largest size; as archives keep them, where all runs are from one.
    """
    if len(study.archives) == 1 and set(study.runs["path"]) == set(study.archives):
        (archive,) = study.archives.values()
        return [Example(*example) for example in archive.texts["examples"]]
    here = study.runs[study.runs["condition"] == study.conditions[0]]
    sizes = sorted({int(here["n_examples"].min()), int(here["n_examples"].max())})
    found = []
    for size in sizes:
        cell = here[here["n_examples"] == size]
        seed = int(cell["seed"].min())
        parts = (f"{size:,} examples", study.conditions[0], f"seed {seed}")
        found += _answered(study, cell[cell["seed"] == seed], ", ".join(filter(None, parts)))
    return found


def _answered(study: Study, cell: pd.DataFrame, where: str) -> list[Example]:
    """What the arms of one cell and seed answered to the prompts that the first of them had."""
    given = {}
    for arm in study.arms:
        for path in cell[cell["arm"] == arm]["path"].head(1):
            given[arm] = {answer.id: answer for answer in traces.answers(Path(path), EXAMPLES)}
    first: dict[str, traces.Answer] = next((said for said in given.values() if said), {})
    score = study.score.column.removeprefix("scores.") if study.score else ""
    return [
        Example(
            where,
            asked.prompt,
            asked.reference,
            [
                (arm, said[key].response, said[key].scores.get(score))
                for arm, said in given.items()
                if key in said
            ],
        )
        for key, asked in first.items()
    ]


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
    kinds = [problem.kind for problem in study.problems]
    varied = [name.removeprefix("config.") for name in factors(runs)]
    agree = "pairs that agree in examples, batches, test set and initial weights"
    rows = [
        ("sweeps", listing(runs["sweep"])),
        ("varies besides", ", ".join(varied) or "nothing"),
        ("may differ between arms", ", ".join(study.vary) or "the mask alone"),
        (agree, f"{len(study.pairs):,}"),
        ("pairs refused for disagreeing", str(kinds.count("unfair"))),
        (
            "failed, corrupt or unfinished runs",
            str(sum(kinds.count(kind) for kind in ("failed", "corrupt", "unfinished"))),
        ),
    ]
    kept = [name for name in sorted(runs.columns) if name.startswith("provenance.")]
    return rows + [(name.removeprefix("provenance."), listing(runs[name])) for name in kept]


def _holes(study: Study) -> list[tuple[str, int]]:
    """Cells without a run, and how many seeds each lacks."""
    groups = study.missing.groupby(["condition", "n_examples", "arm"])["seed"].count().reset_index()
    holes = []
    for row in columns.rows(groups):
        parts = (f"'{row['arm']}'", f"{row['n_examples']:,} examples", row["condition"])
        holes.append((", ".join(filter(None, parts)), row["seed"]))
    return holes
