"""Add scores to finished runs: what was answered is kept, so that nothing is asked again.

    harness rescore runs/SWEEP chrf [NAME ...] [plugins=[MODULE]]

A new score is one function, CONTRIBUTING.md. `harness report` then has it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.arguments import Parser
from harness.config import plugins
from harness.config.validate import ConfigError
from harness.records import RESULT


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = Parser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("scores", nargs="+")
    plugins.load(plugins.named(arguments))
    given = parser.parse_args([text for text in arguments if "plugins=" not in text])

    from harness.engine.locks import lock
    from harness.run.rescore import rescore
    from harness.scoring import SCORES

    faults = [fault for name in given.scores for fault in SCORES.faults(name)]
    own = [given.runs] if (given.runs / RESULT).is_file() else []
    folders = own or sorted(path.parent for path in given.runs.glob(f"*/{RESULT}"))
    if not folders:
        faults.append(f"{given.runs}: no finished run, expected the folder of a sweep or of a run")
    if faults:
        raise ConfigError(faults)
    for folder in folders:
        held = lock(folder)
        if held is None:
            raise ConfigError([f"{folder}: a launch is at it, expected none"])
        with held:
            result = rescore(folder, given.scores)
        figures = ", ".join(f"{name} {result.scores[name]}" for name in given.scores)
        print(f"{folder.name}: {figures}")
    return 0
