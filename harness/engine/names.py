"""What a launch calls its sweep and its runs: by the keys that are swept. No torch."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from harness.config.judge import PREFIX as JUDGE
from harness.config.judge import Judge
from harness.config.launch import Launch
from harness.config.launch_keys import PREFIX
from harness.config.schema import Run

TOLD = ("mask.name", "model.name", "data.name", "data.size", "seed")
"""Keys that a run's folder always tells in its name."""

LONGEST = 60
"""Characters of a folder's name for swept keys; a file system takes 255 in all."""

UNSAFE = re.compile(r"[^A-Za-z0-9.+]+")
"""What a value leaves out in a folder's name."""


def automatic_name(overrides: Sequence[Sequence[str]]) -> str:
    """A sweep's folder name from its jobs' overrides: the keys that differ, and a hash over all.

    How a sweep is carried out, and who judges it, has no part in it: the same runs on another
    device go on in the same folder.
    """
    values: dict[str, set[str]] = {}
    lines = []
    for job in overrides:
        pairs = [override.lstrip("+").partition("=") for override in job]
        science = [(key, value) for key, _, value in pairs if not key.startswith((PREFIX, JUDGE))]
        lines.append(" ".join(sorted(f"{key}={value}" for key, value in science)))
        for key, value in science:
            values.setdefault(key, set()).add(value)
    swept = "+".join(sorted(key for key, found in values.items() if len(found) > 1)) or "single"
    text = "\n".join(sorted(lines))
    return f"{swept}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def swept_keys(runs: Sequence[Run]) -> list[dict[str, str]]:
    """For each run, key -> value of what differs between runs of one mask, model and data."""
    flat = [_flat(run) for run in runs]
    values: dict[tuple[str, str], set[str]] = {}
    for keys in flat:
        for key, value in keys.items():
            values.setdefault((key, _owner(key, keys)), set()).add(value)
    swept = {place for place, found in values.items() if len(found) > 1 and place[0] not in TOLD}
    return [
        {key: keys[key] for key in sorted(keys) if (key, _owner(key, keys)) in swept}
        for keys in flat
    ]


def short(swept: Mapping[str, str]) -> str:
    """The part of a folder's name that tells swept keys: `-lr0.002-epochs3`; "" for none.

    What a file system might refuse becomes `_`, and keys that would make the part longer than
    `LONGEST` are left out.
    """
    part = ""
    for said in _parts(swept).values():
        if len(part) + len(said) <= LONGEST:
            part += said
    return part


def untold(swept: Mapping[str, str], folder: str) -> str:
    """`key=value, …` of the swept keys that a folder's name does not tell in full."""
    return ", ".join(
        f"{key}={swept[key]}"
        for key, said in _parts(swept).items()
        if not (said.endswith(swept[key]) and f"{said}-" in folder)
    )


def _parts(swept: Mapping[str, str]) -> dict[str, str]:
    """Each key's part of a folder's name: its last word, all of it where another has the same, and
    the value, of a path the end.
    """
    last = {key: key.rpartition(".")[2] for key in (*swept, *TOLD)}
    often = Counter(last.values())
    parts = {}
    for key, value in swept.items():
        name = last[key] if often[last[key]] == 1 else key
        parts[key] = f"-{name}{UNSAFE.sub('_', value.rpartition('/')[2]).strip('_')}"
    return parts


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
        if isinstance(inner, Launch | Judge):
            continue
        if is_dataclass(inner):
            found |= _flat(inner, f"{key}.")
        else:
            found[key] = str(inner)
    return found
