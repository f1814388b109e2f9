"""Files of a run, looked at before they are read: plain ones of a size that a run can have."""

from __future__ import annotations

import stat
from pathlib import Path

from harness import records
from harness.records.storage import RecordError

MOST_BYTES = {
    records.CONFIG: 1 << 19,
    records.RESULT: 1 << 23,
    records.FAILURE: 1 << 23,
    records.EVALS: 1 << 28,
    records.RESPONSES: 1 << 30,
}
"""File -> bytes above which it is no file of a run; real ones have a hundredth of it."""
OTHERS = 1 << 28
"""The same for what judges left."""


def checked(path: Path) -> Path:
    """The path of a file that can be read whole: no pipe, no device, not endless.

    Raises:
        RecordError: it is another thing, too large, or missing; one line that names it.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    if not stat.S_ISREG(state.st_mode):
        raise RecordError(f"{path}: not a plain file")
    most = MOST_BYTES.get(path.name, OTHERS)
    if state.st_size > most:
        raise RecordError(f"{path}: {state.st_size:,} bytes, expected at most {most:,}")
    return path
