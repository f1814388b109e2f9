"""Parquet files and Arrow's own, which a folder written by `datasets` holds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from harness.data.errors import DataError
from harness.data.formats.record import Record, without_nulls
from harness.data.formats.stream import LARGEST, MIB, Stream

BATCH = 256
"""Rows that are read at a time."""


def parquet(stream: Stream) -> Iterator[Record]:
    """The rows of a Parquet file.

    Raises:
        DataError: it is damaged, or holds too much.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(_source(stream)) as file:
            groups = (file.metadata.row_group(n) for n in range(file.metadata.num_row_groups))
            if sum(group.total_byte_size for group in groups) > LARGEST:
                raise DataError(
                    f"{stream.path}: more than {LARGEST // MIB:,} MiB, expected at most that"
                )
            yield from _rows(file.iter_batches(BATCH), stream)
    except (ArrowException, OSError) as error:
        raise DataError(f"{stream.path}: {_first_line(error)}, expected a Parquet file") from None


def arrow(stream: Stream) -> Iterator[Record]:
    """The rows of an Arrow file, of the streaming kind as `datasets` writes it or of the other.

    Raises:
        DataError: it is damaged.
    """
    from pyarrow import ArrowException, ipc

    try:
        content = _source(stream)
        try:
            reader: Any = ipc.open_stream(content)
            batches = iter(reader)
        except ArrowException:
            reader = ipc.open_file(content)
            batches = (reader.get_batch(n) for n in range(reader.num_record_batches))
        yield from _rows(batches, stream)
    except (ArrowException, OSError) as error:
        raise DataError(f"{stream.path}: {_first_line(error)}, expected an Arrow file") from None


def _source(stream: Stream) -> Any:
    """The file itself where it is not compressed, so that it need not fit into memory twice."""
    if stream.compression:
        return io.BytesIO(stream.whole())
    next(stream.chunks(), None)  # says what is wrong with the path
    return str(stream.path)


def _rows(batches: Iterator[Any], stream: Stream) -> Iterator[Record]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            fields = without_nulls(row)
            assert isinstance(fields, dict)
            yield Record(fields, f"{stream.path}: row {number}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
