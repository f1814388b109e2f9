"""What of a data config only those who know sources, templates and shapes can judge."""

from __future__ import annotations

from pathlib import Path

from harness.config.schema import Run
from harness.data.shapes import columns_known
from harness.data.sources import SOURCES
from harness.data.templates import TEMPLATES


def data_faults(run: Run) -> list[str]:
    """A line for each key of `data` whose value names nothing that there is."""
    data = run.data
    faults = SOURCES.faults(data.source)
    if data.template not in TEMPLATES and not Path(data.template).is_file():
        faults.append(
            f"data.template={data.template!r}: expected {', '.join(sorted(TEMPLATES.names()))} "
            "or the path of a chat template in Jinja"
        )
    known = columns_known()
    faults += [
        f"data.columns.{name}={path}: no such key, expected one of {', '.join(known)}"
        for name, path in (data.columns or {}).items()
        if name not in known
    ]
    words = data.prompt_words + data.response_words
    if words > run.model.context:
        faults.append(
            f"data.prompt_words={data.prompt_words} data.response_words={data.response_words}: "
            f"expected at most model.context={run.model.context} together, as a word is a token "
            "or more"
        )
    return faults
