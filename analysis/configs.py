"""A run's `config.yaml`, read in a way that no file can harm: bounded, and each group once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from analysis.files import checked
from harness.records.storage import RecordError
from harness.records.yaml_text import LOADER, Unbounded, inspect


def read_config(path: Path) -> dict[str, Any]:
    """A run's config, as it was written.

    Raises:
        RecordError: it is missing, too large, too deep, or no mapping; one line.
    """
    try:
        text = checked(path).read_text("utf-8")
        groups: dict[str, Any] = {}
        # Runs of a sweep share most of their groups, and YAML is slow to parse: each group is
        # parsed once.
        for block in _blocks(text):
            groups |= _parse(block)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except Unbounded as error:
        raise RecordError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise RecordError(f"{path}: not a YAML mapping: {error}") from None
    return groups


def _blocks(text: str) -> list[str]:
    """A block-style YAML mapping cut before each of its top keys."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines(keepends=True):
        if line[:1].isalpha() and blocks[-1]:
            blocks.append([])
        blocks[-1].append(line)
    return ["".join(block) for block in blocks]


@lru_cache(maxsize=65_536)
def _parse(text: str) -> dict[str, Any]:
    inspect(text)
    content = yaml.load(text, Loader=LOADER)
    if not isinstance(content, dict):
        raise TypeError(f"found {type(content).__name__}")
    return content
