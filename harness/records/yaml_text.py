"""YAML of users, looked at before it is loaded: no file can swamp or crash a loader. And ours, as
OmegaConf and any other loader read it.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from harness.records.storage import RecordError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MOST_BYTES = 1 << 19
"""Bytes of a file; a config has some thousand."""
DEEPEST = 32
"""Mappings and lists within each other; beyond, libyaml's own recursion would crash."""
MOST_VALUES = 10_000
"""Keys and values of a text, an alias counted as all that it stands for."""


class Unbounded(ValueError):
    """YAML that nobody means: one line why."""


class _Dumper(DUMPER):  # type: ignore[misc]  # libyaml's, where PyYAML was built with it
    """Writes every value in full, where PyYAML would name what it meets again."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _as_text(dumper: Any, text: str) -> yaml.ScalarNode:
    """A string, in quotes where YAML 1.2 and OmegaConf read a number: PyYAML takes 1e3 for none."""
    try:
        float(text)
        style = "'"
    except ValueError:
        style = ""
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style or None)
    return node


_Dumper.add_representer(str, _as_text)


def write_text(content: object) -> str:
    """Mappings, lists and plain values as YAML, keys in their order."""
    text: str = yaml.dump(
        content, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text


def read_text(path: Path) -> str:
    """A file of YAML that may be loaded.

    Raises:
        RecordError: it cannot be read, is too large, or would swamp the loader; one line.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise RecordError(f"{path}: not a plain file")
        if state.st_size > MOST_BYTES:
            raise RecordError(f"{path}: {state.st_size:,} bytes, expected at most {MOST_BYTES:,}")
        text = path.read_text("utf-8")
        inspect(text)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: {error}, expected YAML in UTF-8") from None
    except Unbounded as error:
        raise RecordError(f"{path}: {error}") from None
    return text


def inspect(text: str) -> None:
    """Refuse what would crash or swamp a loader; events come one by one, so that this cannot be
    swamped. Other faults are the loader's to tell.

    Raises:
        Unbounded: with the reason.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor and values of each
    try:
        for event in yaml.parse(text, Loader=LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, 1))
            elif isinstance(event, yaml.CollectionEndEvent):
                _add(*open_nodes.pop(), sizes, open_nodes)
            elif isinstance(event, yaml.ScalarEvent):
                _add(event.anchor, 1, sizes, open_nodes)
            elif isinstance(event, yaml.AliasEvent):
                if any(anchor == event.anchor for anchor, _ in open_nodes):
                    raise Unbounded(f"*{event.anchor} stands within &{event.anchor}")
                _add(None, sizes.get(str(event.anchor), 1), sizes, open_nodes)
            if len(open_nodes) > DEEPEST + 1:
                raise Unbounded(f"nested more than {DEEPEST} deep")
            if open_nodes[-1][1] > MOST_VALUES:
                raise Unbounded(f"more than {MOST_VALUES:,} values, aliases counted in full")
    except yaml.YAMLError:
        return


def _add(
    anchor: str | None, size: int, sizes: dict[str, int], open_nodes: list[tuple[str | None, int]]
) -> None:
    """Count a node that has ended, and as a part of the one that it stands in."""
    if anchor:
        sizes[anchor] = size
    name, count = open_nodes[-1]
    open_nodes[-1] = (name, count + size)
