"""Show what a mask does to real examples, token by token: in the terminal and as HTML.

    harness audit [KEY=VALUE ...] [n=3] [html=audit.html]

Takes the keys of a run, shows the first `n` examples of the training subset, and writes a page
where `html` names a file. Where there are no colours, as in a pipe, weights are written as numbers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harness.commands.help import Keys
from harness.config.command_line import apart
from harness.config.compose import command_config
from harness.config.schema import Run
from harness.config.search import GROUPS
from harness.config.validate import ConfigError
from harness.data.examples import describe, prepare_examples, weighted_rows
from harness.data.tokens import tokenizer_of
from harness.records import AuditRecord
from harness.records.counted import counted
from harness.records.roles import ROLES
from harness.records.storage import naming
from harness.records.visible import visible
from harness.run.checks import run_faults

KEYS = Keys(
    "config",
    Run,
    groups=GROUPS,
    shown=("data.path", "data.size", "data.template", "seed"),
)

HEAVY = (38, 110, 70)
"""Background of weight 1; smaller weights fade towards the terminal's own."""


class Audit(NamedTuple):
    """A mask on a training subset.

    Attributes:
        records: the examples shown.
        counts: role -> tokens, weighted tokens and Σ w over the whole subset.
        examples: how many the subset has.
        dropped: examples without any weight, truncated ones, held-out ones included, and longer
            ones that were left out, of the subset or the held-out sets, by kind.
    """

    records: list[AuditRecord]
    counts: dict[str, tuple[int, int, float]]
    examples: int
    dropped: dict[str, int]


def audit(run: Run, count: int) -> Audit:
    """Weigh a run's training subset as the run itself would.

    Raises:
        DataError, OSError: as `examples.prepare`.
    """
    from harness.run.prepare import surprisal
    from harness.run.warm import Warm

    examples = prepare_examples(run)
    rows = weighted_rows(
        examples.train, run, lambda: surprisal(Warm().model(run), run, examples.train)
    )
    roles = np.concatenate([row.roles for row in rows])
    weights = np.concatenate([row.weights for row in rows])
    counts: dict[str, tuple[int, int, float]] = {
        role: (
            int((roles == n).sum()),
            int((weights[roles == n] > 0).sum()),
            float(weights[roles == n].sum()),
        )
        for n, role in enumerate(ROLES)
        if (roles == n).any()
    }
    lost = {"without weight": sum(not row.weights.any() for row in rows)}
    lost |= {kind: examples.counts[kind] for kind in ("truncated", "dropped")}
    tokenizer = tokenizer_of(run.model)
    shown = [
        describe(item, row.weights, tokenizer)
        for item, row in zip(examples.train[:count], rows[:count], strict=True)
    ]
    return Audit(shown, counts, len(rows), lost)


def show(found: Audit, run: Run, colours: bool) -> Group:
    """The audit for a terminal or a page; without colours, weights are written as numbers."""
    key = "the darker, the more weight" if colours else "role, weight and text of each part"
    parts: list[Text | Table] = [Text(f"mask {run.mask.name} on data {run.data.name}: {key}\n")]
    for record in found.records:
        text = _coloured(record) if colours else _written(record)
        parts += [Text(f"example {record.id}", style="bold"), text, Text()]
    table = Table(
        "role",
        "tokens",
        "weighted",
        "Σ w",
        "share of Σ w",
        title="whole training subset",
        title_justify="left",
    )
    total = sum(mass for _, _, mass in found.counts.values())
    for role, (tokens, weighted, mass) in found.counts.items():
        table.add_row(role, f"{tokens:,}", f"{weighted:,}", f"{mass:,.1f}", f"{mass / total:.1%}")
    return Group(*parts, table, Text(_lost(found, run.model.context)))


def _lost(found: Audit, context: int) -> str:
    """What became of the examples that the mask or the context cuts into."""
    weightless, truncated, dropped = (
        found.dropped[kind] for kind in ("without weight", "truncated", "dropped")
    )
    of_subset = f"{counted(found.examples, 'training example')}, {weightless:,} without any weight"
    too_long = f"longer than model.context={context} tokens: {counted(truncated, 'example')} cut"
    return f"{of_subset}; {too_long}, {dropped:,} left out, held-out ones included"


def _coloured(record: AuditRecord) -> Text:
    """The example's text; a bar marks each seam between two roles."""
    text = Text()
    before = record.roles[0]
    for token, role, weight in zip(record.tokens, record.roles, record.weights, strict=True):
        if role != before:
            text.append(f"▏{role} ", style="dim italic")
        before = role
        shade = "rgb({},{},{})".format(
            *(round(255 - min(weight, 1.0) * (255 - value)) for value in HEAVY)
        )
        text.append(
            visible(token),
            style=f"{'white' if weight > 0.5 else 'black'} on {shade}" if weight else "dim",
        )
    return text


def _written(record: AuditRecord) -> Text:
    """A line for each stretch of tokens that agree in role and weight."""
    parts = zip(record.roles, record.weights, record.tokens, strict=True)
    lines = [
        f"  {role:<12} {weight:<6.4g} {''.join(token for _, _, token in stretch)!r}"
        for (role, weight), stretch in groupby(parts, key=lambda part: part[:2])
    ]
    return Text("\n".join(lines))


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    own, others = apart(arguments, ("n", "html"))
    if not own.get("n", "3").isdecimal():
        raise ConfigError([f"n={own['n']}: expected a number of examples"])
    if not own.get("html", "page"):
        raise ConfigError(["html='': expected the path of a file"])
    run = command_config("config", Run, others, checks=[run_faults])
    found = audit(run, int(own.get("n", "3")))
    if "html" in own:
        _write_page(found, run, Path(own["html"]))
    console = Console()
    console.print(show(found, run, console.color_system is not None), soft_wrap=True)
    if "html" in own:
        print(f"page: {own['html']}")
    return 0


def _write_page(found: Audit, run: Run, path: Path) -> None:
    """Write the audit as HTML.

    Raises:
        OSError: the file cannot be written.
    """
    recorder = Console(
        record=True, width=110, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    recorder.print(show(found, run, colours=True))
    with naming(path):
        path.write_text(recorder.export_html(), encoding="utf-8")
