"""Bytes of a file, decompressed as they are read, with bounds on what a file may grow to."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from harness.config.registry import Registry
from harness.data.errors import DataError

MIB = 1 << 20
LONGEST_LINE = 16 * MIB
"""Bytes of a line: a book has one."""
LARGEST = 2048 * MIB
"""Bytes of a file once decompressed: everything is held in memory."""
EXPANSION = 300
"""Times that a file may grow by decompression; text grows 3 to 50 times."""
TRUSTED = 64 * MIB
"""Bytes up to which the growth is not looked at."""
CHUNK = MIB
BOM = b"\xef\xbb\xbf"


Decompress = Callable[[BinaryIO], BinaryIO]
"""Makes a readable file of a compressed one."""

COMPRESSIONS: Registry[Decompress] = Registry("the last end of a file's name")
"""End of a file's name -> how the file is decompressed."""


@COMPRESSIONS.register(".gz")
def _gzip(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))


@COMPRESSIONS.register(".xz")
def _xz(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", lzma.LZMAFile(file))


@COMPRESSIONS.register(".bz2")
def _bzip2(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", bz2.BZ2File(file))


@COMPRESSIONS.register(".zst")
def _zstandard(file: BinaryIO) -> BinaryIO:
    import pyarrow

    return cast("BinaryIO", pyarrow.CompressedInputStream(file, "zstd"))


class Stream(NamedTuple):
    """A file that records are read from.

    Attributes:
        path: the file.
        compression: how it is compressed, a key of `COMPRESSIONS`; "" for not at all.
    """

    path: Path
    compression: str

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, decompressed, in pieces of about a mebibyte.

        Raises:
            DataError: it cannot be read, is no plain file, is damaged, or grows beyond the bounds.
        """
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise DataError(f"{self.path}: neither a file nor a folder, expected one of them")
            with self.path.open("rb") as file:
                yield from self._decompressed(file)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"{self.path}: {_reason(error)}") from None

    def _decompressed(self, file: BinaryIO) -> Iterator[bytes]:
        readable: Any = COMPRESSIONS.get(self.compression)(file) if self.compression else file
        total = 0
        while chunk := readable.read(CHUNK):
            total += len(chunk)
            if total > LARGEST:
                raise DataError(
                    f"{self.path}: more than {LARGEST // MIB:,} MiB of text, expected at most that"
                )
            if self.compression and total > max(TRUSTED, EXPANSION * file.tell()):
                raise DataError(
                    f"{self.path}: grows more than {EXPANSION}-fold when decompressed, "
                    "expected a file of records"
                )
            yield chunk

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Number, from 1, and bytes of every line, without its end.

        Blank lines that stand together in great number may be passed over.

        Raises:
            DataError: as `chunks`, or a line is longer than `LONGEST_LINE`.
        """
        number = 0
        rest = b""
        for chunk in self.chunks():
            if not rest and len(chunk) == CHUNK and not chunk.strip():  # only counted: it is quick
                number += chunk.count(b"\n")
                continue
            parts = (rest + chunk).split(b"\n")
            rest = parts.pop()
            for line in parts:
                number += 1
                yield number, line.removeprefix(BOM) if number == 1 else line
            if len(rest) > LONGEST_LINE:
                raise DataError(
                    f"{self.path}:{number + 1}: a line of more than {LONGEST_LINE // MIB} MiB, "
                    "expected a record"
                )
        if rest:
            yield number + 1, rest.removeprefix(BOM) if number == 0 else rest

    def whole(self) -> bytes:
        """All of its bytes, without a byte order mark.

        Raises:
            DataError: as `chunks`.
        """
        return b"".join(self.chunks()).removeprefix(BOM)


def text_of(content: bytes, place: str) -> str:
    """The text that UTF-8 bytes spell.

    Raises:
        DataError: they are not UTF-8.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: byte {error.start} is not UTF-8, expected text in UTF-8"
        ) from None


def _reason(error: Exception) -> str:
    """What the system or a decompressor says, without numbers and the path once more."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
