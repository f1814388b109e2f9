"""Tables, figures, verdicts and a page of finished runs, written into runs/SWEEP/report.

    harness report runs/SWEEP [runs/OTHER ...]

The same as `python -m analysis`, which needs nothing but the records.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    from analysis.__main__ import main as analyse
    from harness.config import plugins

    plugins.load()  # of figures and claims
    return analyse(list(arguments), "harness report")
