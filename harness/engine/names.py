"""What a launch calls its sweep and its runs: by the keys that are swept. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from harness.config.launch_keys import PREFIX
from harness.config.schema import Launch, Run

TOLD = ("mask.name", "model.name", "data.name", "data.size", "seed")
"""Keys that a run's folder tells in its name."""


def automatic_name(overrides: Sequence[Sequence[str]]) -> str:
    """A sweep's folder name from its jobs' overrides: the keys that differ, and a hash over all.

    How a sweep is carried out has no part in it: the same runs on another device go on in the same
    folder.
    """
    values: dict[str, set[str]] = {}
    lines = []
    for job in overrides:
        pairs = [override.lstrip("+").partition("=") for override in job]
        science = [(key, value) for key, _, value in pairs if not key.startswith(PREFIX)]
        lines.append(" ".join(sorted(f"{key}={value}" for key, value in science)))
        for key, value in science:
            values.setdefault(key, set()).add(value)
    swept = "+".join(sorted(key for key, found in values.items() if len(found) > 1)) or "single"
    text = "\n".join(sorted(lines))
    return f"{swept}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def swept_keys(runs: Sequence[Run]) -> list[str]:
    """For each run `key=value, …` of what differs between runs of one mask, model and data."""
    flat = [_flat(run) for run in runs]
    values: dict[tuple[str, str], set[str]] = {}
    for keys in flat:
        for key, value in keys.items():
            values.setdefault((key, _owner(key, keys)), set()).add(value)
    swept = {place for place, found in values.items() if len(found) > 1 and place[0] not in TOLD}
    return [
        ", ".join(f"{key}={keys[key]}" for key in sorted(keys) if (key, _owner(key, keys)) in swept)
        for keys in flat
    ]


def _owner(key: str, keys: Mapping[str, str]) -> str:
    """The mask, model or data that a key is of: what its file sets differs from the others', which
    its name tells.
    """
    return keys.get(f"{key.split('.')[0]}.name", "")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Dotted key -> value of all scientific keys of a run."""
    found: dict[str, str] = {}
    for field in fields(value):
        key, inner = prefix + field.name, getattr(value, field.name)
        if isinstance(inner, Launch):
            continue
        if is_dataclass(inner):
            found |= _flat(inner, f"{key}.")
        else:
            found[key] = str(inner)
    return found
