"""The rows of a sweep's runs, kept in its folder so that 10,000 runs load in a second."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pandas as pd

from analysis import columns

CACHE = ".analysis.parquet"


def cached(path: Path) -> pd.DataFrame:
    """The rows kept at `path`, with their `run` and `stamp`.

    Empty where there are none, where they are not ours or cannot be read: they can always be made
    again.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return pd.DataFrame()
        frame = pd.read_parquet(path, page_checksum_verification=True)
        for name in frame.columns.drop(["run", "stamp"]):
            columns.column_of(name)
    except (OSError, ValueError, KeyError):
        return pd.DataFrame()
    texts = all(pd.api.types.is_string_dtype(frame[name]) for name in ("run", "stamp"))
    return frame if texts and frame["run"].is_unique else pd.DataFrame()


def keep(frame: pd.DataFrame, path: Path) -> None:
    """Keep rows at `path`, for the next reading; a folder that cannot be written is no fault."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        frame.to_parquet(partial, index=False, write_page_checksum=True)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
