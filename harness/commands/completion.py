"""Completion in the shell: `eval "$(harness -sc install=bash)"`, and what it then asks."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stdout

from harness.commands.verbs import VERBS
from harness.config.compose import opened
from harness.engine.launchers import LAUNCHERS


def complete(arguments: Sequence[str]) -> int:
    """Print the script that sets completion up, or the words that a half-written one may become."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    start = 3 if words[:1] != ["harness"] and words[1:2] == ["-m"] else 1
    beginning = words[start] if len(words) > start else ""
    if len(words) > start + 1 and beginning in VERBS:  # its keys are completed as those of a run
        os.environ["COMP_LINE"] = " ".join(words[:start] + words[start + 1 :])
    hydra = opened((), {name: each.settings for name, each in LAUNCHERS.items()})
    told = io.StringIO()
    with redirect_stdout(told):
        hydra.shell_completion("config", [each for each in arguments if not each.startswith("-")])
    said = told.getvalue()
    if len(words) == start + 1 and "=" not in beginning:
        verbs = [verb for verb in VERBS if verb.startswith(beginning)]
        between = "\n" if "query=fish" in arguments else " "  # fish takes a line for each
        said = between.join([*verbs, *said.split()]) + "\n"
    print(said, end="")
    return 0
