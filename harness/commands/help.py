"""What `--help` prints: made from the commands' own first lines, `conf/` and the schema, without
composing anything.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import yaml

from harness.config.kinds import schemas, types_of
from harness.config.launch_keys import PREFIX
from harness.paths import CONF, SWEEPS

WIDTH = 100

OPTIONS = {
    "-m, --multirun": "a sweep: every combination of the values that commas separate",
    "--dry-run": "say what would run and about how long, and write nothing",
    "--config-dir DIR": "a further folder of options, DIR/mask/mine.yaml and so on",
    "-sc install=SHELL": "what completes commands and keys in bash, zsh or fish, for `eval`",
    "--help, --version": "",
}


class About(Protocol):
    """What is known of a command."""

    @property
    def about(self) -> str:
        """What it does, in a few words."""


@dataclass(frozen=True)
class Keys:
    """The `KEY=VALUE` that a command's help explains.

    Attributes:
        config: the file in `conf/` that holds the defaults.
        schema: the class whose docstrings explain the keys.
        groups: groups of options to list.
        shown: dotted keys; empty for all of the class itself.
    """

    config: str
    schema: type
    groups: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


def short(verbs: Mapping[str, About]) -> str:
    """What a bare `harness` says."""
    return "\n".join(
        [
            "Fine-tune GPTs with loss masks, compare them, and say what the runs prove.",
            "",
            "  harness mask=full data.size=300              one run",
            "  harness -m mask=none,full seed='range(8)'    a sweep of every combination",
            "",
            "Commands, `harness COMMAND --help` for each:",
            *_table({name: verb.about for name, verb in verbs.items()}),
            "",
            "`harness --help` lists the keys and the options of each group.",
        ]
    )


def overview(verbs: Mapping[str, About]) -> str:
    """What `harness --help` says: the commands, then the keys of a run."""
    from harness.commands.run import KEYS

    head = short(verbs).rpartition("\n\n")[0]
    return "\n".join([head, "", *_keys(KEYS), "", "Options:", *_table(OPTIONS)])


def page(module: ModuleType) -> str:
    """What `harness COMMAND --help` says."""
    lines = [(module.__doc__ or "").strip()]
    keys = getattr(module, "KEYS", None)
    if keys is not None:
        lines += ["", *_keys(keys)]
    if module.__name__ == "harness.commands.run":
        lines += ["", "Options:", *_table(OPTIONS)]
    return "\n".join(lines)


def _keys(keys: Keys) -> list[str]:
    """The groups with their options, then the keys with their defaults."""
    lines = []
    if keys.groups:
        chosen = _chosen(keys.config)
        lines += ["Groups, GROUP=OPTION (the default is starred):"]
        rows = {group: _starred(group, chosen.get(group)) for group in keys.groups}
        if "mask" in keys.groups:
            stored = ", ".join(_options([SWEEPS, Path.cwd() / "sweeps"]))
            rows["sweeps"] = f"{stored} (with -m, and preset=NAME)"
        lines += [*_table(rows), ""]
    explained = dict(_explained(keys.schema))
    names = keys.shown or tuple(
        field.name for field in fields(keys.schema) if field.name not in keys.groups
    )
    lines += ["Keys, KEY=VALUE (the default in brackets):"]
    rows = {name: _row(name, keys.config, explained[name]) for name in names}
    return lines + _table({name.removeprefix(PREFIX): row for name, row in rows.items()})


def _row(name: str, config: str, explanation: str) -> str:
    default = _default(config, name)
    held = "required" if default == "???" else _written(default)
    first = re.split(r"(?<=[^.])[;.](?:\s|$)", explanation)[0]
    return f"{first} [{held}]"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "''" if value == "" else str(value)


def _table(rows: Mapping[str, str]) -> list[str]:
    """Two columns, the second one wrapped."""
    column = max(map(len, rows)) + 4
    lines: list[str] = []
    for name, text in rows.items():
        wrapped = textwrap.wrap(text, WIDTH - column, break_on_hyphens=False) or [""]
        lines.append(f"  {name:<{column - 2}}{wrapped[0]}".rstrip())
        lines += [" " * column + line for line in wrapped[1:]]
    return lines


def _starred(group: str, default: str | None) -> str:
    names = _options([CONF / group, Path.cwd() / "conf" / group])
    return ", ".join(f"{name}*" if name == default else name for name in names)


def _options(folders: list[Path]) -> list[str]:
    found = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    return sorted(name for name in found if not name.startswith("_"))


def _load(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text("utf-8"))
    return content if isinstance(content, dict) else {}


def _chosen(config: str) -> dict[str, str]:
    """Group -> option that a config's defaults list chooses."""
    chosen: dict[str, str] = {}
    for entry in _load(CONF / f"{config}.yaml").get("defaults", []):
        if isinstance(entry, dict):
            chosen |= {str(group): str(option) for group, option in entry.items()}
    return chosen


def _default(config: str, key: str) -> object:
    """The value that `conf/` gives a key."""
    group, dot, rest = key.partition(".")
    path = CONF / f"{config}.yaml"
    for entry in _load(path).get("defaults", []):
        file, at, place = str(entry).partition("@")  # a file that stands at a place of its own
        if at and key.startswith(f"{place}."):
            return _at(_load(CONF / f"{file}.yaml"), key.removeprefix(f"{place}."))
    if dot and (CONF / group).is_dir():
        found = _at(_load(CONF / group / f"{_chosen(config)[group]}.yaml"), rest)
        base = CONF / group / "_base.yaml"  # what an option's file does not say
        return _at(_load(base), rest) if found is None and base.is_file() else found
    return _at(_load(path), key)


def _at(content: Any, key: str) -> object:
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _explained(schema: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every dotted key of a config class with what its docstring says of it."""
    doc = inspect.cleandoc(schema.__doc__ or "").partition("Attributes:\n")[2]
    entries = dict(re.findall(r"^    (\w+): (.*(?:\n        .*)*)", doc, re.MULTILINE))
    for name, of in types_of(schema).items():
        yield prefix + name, " ".join(entries.get(name, "").split())
        for kind in reversed(schemas(of)):  # where two have a key, the first one's text stays
            yield from _explained(kind, f"{prefix}{name}.")
