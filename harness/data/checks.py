"""What of a data config only those who know sources, templates and shapes can judge."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.config.hints import hint
from harness.config.schema import OWN_TEMPLATE, Run
from harness.data.example import Example
from harness.data.shapes import columns_known, stars_apart
from harness.data.sources import SOURCES, load
from harness.data.templates import TEMPLATES


def data_faults(run: Run) -> list[str]:
    """A line for each key of `data` whose value names nothing that there is."""
    data = run.data
    faults = SOURCES.faults(data.source)
    known_template = data.template == OWN_TEMPLATE or data.template in TEMPLATES
    if not known_template and not Path(data.template).is_file():
        faults.append(
            f"data.template={data.template!r}: expected {', '.join(sorted(TEMPLATES.names()))} "
            "or the path of a chat template in Jinja"
        )
    known = columns_known()
    faults += [
        f"data.columns.{name}={path}: no such key, {hint(name, known)}"
        for name, path in (data.columns or {}).items()
        if name not in known
    ]
    faults += [
        f"data.columns: {' and '.join(apart)} lead into lists that are not one in the other, "
        "expected one list for each *, maybe inside another's"
        for apart in filter(None, [stars_apart(data.columns or {})])
    ]
    words = data.prompt_words + data.response_words
    if words > run.model.context:
        faults.append(
            f"data.prompt_words={data.prompt_words} data.response_words={data.response_words}: "
            f"expected at most model.context={run.model.context} together, as a word is a token "
            "or more"
        )
    return faults


def unheard(runs: Iterable[Run]) -> list[str]:
    """A line for each set without weights of its own that a mask would take them from."""
    sets = {repr(run.data): run for run in runs if run.mask.from_data}
    return [
        f"mask={run.mask.name}: data={run.data.name} states no weights, so that it is as without "
        "mask.from_data"
        for run in sets.values()
        if not any(_states_weights(example) for example in load(run.data).pool)
    ]


def _states_weights(example: Example) -> bool:
    return any(message.spans for message in example.messages)
