"""What is in a set of examples: counts, lengths by role, examples as the model sees them.

    harness describe [KEY=VALUE ...] [n=10]

Takes the keys of a run, of which `data` and `model` count, and shows the first `n` examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harness.commands.help import Keys
from harness.config.command_line import apart
from harness.config.compose import command_config
from harness.config.schema import Run
from harness.config.search import GROUPS
from harness.config.validate import ConfigError
from harness.data.describe import Description, describe
from harness.run.checks import run_faults

KEYS = Keys(
    "config",
    Run,
    groups=GROUPS,
    shown=("data.path", "data.columns", "data.template", "data.test_path", "model.context"),
)

LONGEST = 1_500
"""Characters of an example that are shown; its middle is left out beyond."""


def page(found: Description, name: str) -> Group:
    """The description for a terminal."""
    table = Table("role", "words", "tokens", "share", title="training pool", title_justify="left")
    total = sum(length.tokens for length in found.pool.lengths.values())
    for role, length in found.pool.lengths.items():
        share = f"{length.tokens / total:.1%}"
        table.add_row(role, f"{length.words:,}", f"{length.tokens:,}", share)
    lines = [f"data {name}", *found.notes, *_facts(found)]
    lines += [f"warning: {line}" for line in found.warnings]
    shown = [
        Text(f"\n--- example {number} ---\n{_plain(text)}")
        for number, text in enumerate(found.shown, start=1)
    ]
    return Group(Text(_plain("\n".join(lines))), table, *shown)


def _facts(found: Description) -> list[str]:
    """What a line each says."""
    sizes = ", ".join(f"{count:,} {name}" for name, count in found.sizes.items() if count)
    turns = ", ".join(f"{count:,} of {number}" for number, count in found.pool.turns.items())
    geometric = math.exp(found.pool.mean_log_ratio)
    return [
        f"examples: {sizes}",
        f"answers in an example: {turns}",
        (
            f"prompt tokens / response tokens, template aside: ratio of means "
            f"{found.pool.ratio_of_means:.3g}, mean log ratio {found.pool.mean_log_ratio:+.3f} "
            f"(geometric mean {geometric:.3g})"
        ),
        f"template: {found.pool.template_share:.1%} of all tokens",
        f"left out: {found.duplicates:,} that occur twice, {found.in_test:,} that are held out too",
        f"near-duplicates of held-out examples, which stay: {found.pool.near_test:,}",
        f"longer than model.context: {found.pool.truncated:,}",
    ]


def _plain(text: str) -> str:
    """Text that moves no cursor and, where it is long, lacks its middle."""
    if len(text) > LONGEST:
        left_out = len(text) - LONGEST
        half = LONGEST // 2
        text = f"{text[:half]}\n[... {left_out:,} characters ...]\n{text[-half:]}"
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text
    )


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    own, others = apart(arguments, ("n",))
    if not own.get("n", "10").isdecimal():
        raise ConfigError([f"n={own['n']}: expected a number of examples"])
    run = command_config("config", Run, others, checks=[run_faults])
    found = describe(run, int(own.get("n", "10")), Console(stderr=True))
    Console().print(page(found, run.data.name), soft_wrap=True)
    return 0
