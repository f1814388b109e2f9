"""Text from outside – names, settings, what models say – made harmless wherever it is shown."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath, PureWindowsPath

import pandas as pd

from harness.records.visible import visible

LONGEST_LABEL = 80
LONGEST_REMARK = 1_000

ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:[\\/]|\\\\|file:)")
INNER_PATH = re.compile(r"(?<![\w.])(?:/[^\s/'\"]+){2,}|~(?:/[^\s/'\"]+)+|[A-Za-z]:\\[^\s'\"]+")


def label(text: str) -> str:
    """A name for tables, legends and file lists: one visible line of at most `LONGEST_LABEL`.

    A longer one ends in a hash of the whole, so that two names never become one.
    """
    line = visible(text).replace("\n", "␊").replace("\t", "␉").strip()
    if len(line) <= LONGEST_LABEL:
        return line
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{line[: LONGEST_LABEL - 10]}… {digest}"


def remark(text: str) -> str:
    """What is said in whole sentences: one visible line, cut at `LONGEST_REMARK`."""
    line = visible(text).replace("\n", " ").strip()
    return line if len(line) <= LONGEST_REMARK else f"{line[: LONGEST_REMARK - 1]}…"


def without_folders(text: str) -> str:
    """A text that does not tell where files lie: of absolute paths only the last part is kept."""
    if ABSOLUTE.match(text) and " " not in text:
        return _last_part(text)
    return INNER_PATH.sub(lambda found: _last_part(found.group()), text)


def for_spreadsheet(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose text no spreadsheet takes for a formula: an apostrophe goes before = + - @."""
    shown = frame.copy()
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            shown[name] = frame[name].map(_defused)
    return shown


def for_markdown(text: str) -> str:
    """A text without HTML, links or cell borders in Markdown."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("](", "]\\(").replace("|", "\\|").replace("\n", " ")


def _last_part(path: str) -> str:
    windows = "\\" in path
    return (PureWindowsPath(path) if windows else PurePosixPath(path)).name or path[:1]


def _defused(cell: object) -> object:
    if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{cell}"
    return cell
