"""What a mask does to real examples, token by token: in the terminal and as HTML.

    python -m harness.commands.audit [KEY=VALUE ...] [n=3] [html=audit.html]

takes the keys of `python -m harness`, shows the first `n` examples of the training subset, and
writes the page where `html` names a file.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harness.config.compose import parse_all
from harness.config.implied import implied
from harness.config.launch_keys import spelled_out
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data.errors import DataError
from harness.data.examples import describe, prepare_examples, weighted_rows
from harness.data.tokens import tokenizer_of
from harness.paths import CONF
from harness.records import AuditRecord
from harness.records.roles import ROLES
from harness.run.checks import run_faults
from harness.run.prepare import surprisal
from harness.run.warm import Warm

HEAVY = (38, 110, 70)
"""Background of weight 1; smaller weights fade towards the terminal's own."""


class Audit(NamedTuple):
    """A mask on a training subset.

    Attributes:
        records: the examples shown.
        counts: role -> tokens, weighted tokens and Σ w over the whole subset.
        dropped: examples without any weight, and truncated or dropped ones, by kind.
    """

    records: list[AuditRecord]
    counts: dict[str, tuple[int, int, float]]
    dropped: dict[str, int]


def audit(run: Run, count: int) -> Audit:
    """Weigh a run's training subset as the run itself would.

    Raises:
        DataError, OSError: as `examples.prepare`.
    """
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
    return Audit(shown, counts, lost)


def show(found: Audit, run: Run) -> Group:
    """The audit for a terminal or a page."""
    parts: list[Text | Table] = [
        Text(f"mask {run.mask.name} on data {run.data.name}: the darker, the more weight\n")
    ]
    for record in found.records:
        parts += [Text(f"example {record.id}", style="bold"), _coloured(record), Text()]
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
    lost = ", ".join(f"{count} {kind}" for kind, count in found.dropped.items())
    return Group(*parts, table, Text(f"examples: {lost}"))


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
            token, style=f"{'white' if weight > 0.5 else 'black'} on {shade}" if weight else "dim"
        )
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = {
        key: value
        for key, _, value in (argument.partition("=") for argument in given)
        if key in ("n", "html")
    }
    keys = [argument for argument in given if argument.partition("=")[0] not in own]
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            (run,) = parse_all([compose("config", spelled_out(implied(keys)))], [run_faults])
        if not own.get("n", "3").isdigit():
            raise ConfigError([f"n={own['n']}: expected a number of examples"])
        page = show(audit(run, int(own.get("n", "3"))), run)
    except (ConfigError, DataError, HydraException, OSError) as error:
        print(f"harness.audit: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return 2
    Console().print(page)
    if "html" in own:
        recorder = Console(
            record=True,
            width=110,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
        )
        recorder.print(page)
        Path(own["html"]).write_text(recorder.export_html(), encoding="utf-8")
        print(f"page: {own['html']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
