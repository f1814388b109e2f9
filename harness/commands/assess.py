"""Measure what a model knows: held-out loss, last words, samples.

    harness assess model=mini valid=valid.txt.xz every=4 out=mini.assessed.json
    harness assess run=runs/main/RUN valid=valid.txt.xz every=4 out=run.assessed.json

Measures the weights that `model.weights` names, as fine-tuning would load them, in fp32; or those,
or the adapters, of a run that was made with save_weights=true.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.commands.help import Keys
from harness.commands.interrupt import unwinding
from harness.config.commands import Assess
from harness.config.compose import command_config

KEYS = Keys("assess", Assess, groups=("model",))


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    config = command_config("assess", Assess, arguments)

    from harness.bases.assess import assess

    with unwinding():
        figures = assess(config)
    print(json.dumps(figures, indent=2))
    return 0
