"""The one error of data sets."""

from __future__ import annotations


class DataError(ValueError):
    """A data set cannot be read or is too small; one line with file, line and what was expected."""
