"""How far a sweep is: runs finished, running, failed and waiting, the rate, the time left.

    harness status runs/SWEEP [--watch]

Reads files alone. `--watch` waits for the sweep, then shows it anew every two seconds until it
ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.commands.arguments import Parser
from harness.commands.interrupt import unwinding


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--watch", action="store_true")
    given = parser.parse_args(arguments)

    from harness.engine.status import render, status_of, watch

    console = Console(highlight=False)
    if given.watch:
        with unwinding():
            watch(given.sweep, console)
    else:
        shown = render(given.sweep, status_of(given.sweep))
        console.print(shown, soft_wrap=not console.is_terminal)
    return 0
