"""Add scores to finished runs: what was answered is kept, so that nothing is asked again.

    harness rescore runs/SWEEP chrf [NAME ...] [plugins=[MODULE]]

A new score is one function, CONTRIBUTING.md. `harness report` then has it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser, alone_at, finished_runs, nothing_finished
from harness.config import plugins
from harness.config.validate import ConfigError


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("scores", nargs="+")
    plugins.load(plugins.named(arguments))
    given = parser.parse_args([text for text in arguments if "plugins=" not in text])

    from harness.run.rescore import rescore
    from harness.scoring import score_faults

    faults = [fault for name in given.scores for fault in score_faults(name)]
    folders = finished_runs(given.runs)
    if not folders:
        faults.append(nothing_finished(given.runs))
    if faults:
        raise ConfigError(faults)
    for folder in folders:
        with alone_at(folder):
            result = rescore(folder, given.scores)
        figures = ", ".join(f"{name} {_said(result.scores[name])}" for name in given.scores)
        print(f"{folder.name}: {figures}")
    return 0


def _said(score: float | None) -> str:
    return "null, nothing could be scored" if score is None else f"{100 * score:.1f} %"
