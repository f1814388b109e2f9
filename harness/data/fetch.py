"""Files of others: fetched once into a cache, taken up again where the line broke, checked by their
hash, and read without a network from then on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from harness.config.named import Remote
from harness.data.errors import DataError
from harness.data.formats.stream import MIB

CACHE = "HARNESS_CACHE"
"""The environment's word for the cache's folder."""
ATTEMPTS = 5
"""Connections in a row that may bring nothing."""
PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""
CHUNK = MIB // 4
LARGEST = 16 * 1024 * MIB
"""Bytes of a file; the largest GPT-2 has 6 GiB."""

Show = Callable[[int, int], None]
"""Told the bytes that are there and the bytes in all, 0 where the server does not say."""


def cache_folder() -> Path:
    """Where fetched files lie: `$HARNESS_CACHE`, or a folder below the user's cache."""
    named = os.environ.get(CACHE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "prompt-mask-harness"


def fetched(key: str, remote: Remote, folder: Path, show: Show) -> Path:
    """The file in a folder of the cache, fetched if it is not there.

    Args:
        key: who asks for it, as errors call it, "data=gsm8k".
        remote: the file.
        folder: where it lies, or is to lie.
        show: told how far it is.

    Raises:
        DataError: it cannot be fetched, or is not what its hash says.
    """
    path = folder / file_name(key, remote)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if not path.is_file():
                part = _download(key, remote, folder / f"{path.name}.part", show)
                _check(key, remote, part, folder)
                part.replace(path)
            else:
                _check(key, remote, path, folder)
    except OSError as error:
        raise DataError(f"{key}: {path}: {error.strerror or error}") from None
    return path


def file_name(key: str, remote: Remote) -> str:
    """The name of a remote file.

    Raises:
        DataError: the address is that of none.
    """
    url = urlsplit(remote.url)
    if url.scheme not in ("http", "https") or not Path(url.path).name:
        raise DataError(f"{key}: {remote.url!r}, expected the address of a file, https://...")
    return Path(url.path).name


def with_bar(key: str, remote: Remote, folder: Path) -> Path:
    """As `fetched`; a bar is shown on the terminal meanwhile."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(f"fetching {key}", total=None, visible=False)

        def show(had: int, total: int) -> None:
            progress.update(task, completed=had, total=total or None, visible=True)

        return fetched(key, remote, folder, show)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time fetches into a folder; the others find the file there."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(key: str, remote: Remote, part: Path, show: Show) -> Path:
    """All of the file; what an earlier attempt left is not fetched again."""
    reason = ""
    left = ATTEMPTS
    while left:
        had = part.stat().st_size if part.is_file() else 0
        try:
            if _continue(key, remote.url, part, had, show):
                return part
            reason = "the connection was closed early"
        except HTTPError as error:
            reason = f"the server says {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                break
        except (HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        has = part.stat().st_size if part.is_file() else 0
        left = ATTEMPTS if has > had else left - 1
    raise DataError(
        f"{key}: cannot fetch {remote.url} ({' '.join(reason.split())}); "
        f"expected to be online the first time, or the file at {part.with_suffix('')}"
    )


def _continue(key: str, url: str, part: Path, had: int, show: Show) -> bool:
    """Fetch what is missing; whether that is all."""
    request = Request(url, headers={"Range": f"bytes={had}-"} if had else {})
    try:
        response: HTTPResponse
        with urlopen(request, timeout=PATIENCE) as response:
            if response.status != 206:  # the server begins anew
                had = 0
            length = response.headers.get("Content-Length")
            total = had + int(length) if length and length.isdecimal() else 0
            with part.open("ab" if had else "wb") as file:
                for chunk in iter(lambda: response.read1(CHUNK), b""):
                    had += len(chunk)
                    if had > LARGEST:
                        raise DataError(f"{key}: {url}: more than {LARGEST // MIB:,} MiB")
                    file.write(chunk)
                    show(had, total)
            return not total or had == total
    except HTTPError as error:
        if error.code == 416 and had:  # nothing is missing, or the file became another
            return _whole(error, part)
        raise


def _whole(error: HTTPError, part: Path) -> bool:
    """Whether a server that has no more to give means that the file is complete."""
    total = str(error.headers.get("Content-Range", "")).rpartition("/")[2]
    if total == str(part.stat().st_size):
        return True
    part.unlink()
    return False


def _check(key: str, remote: Remote, path: Path, folder: Path) -> None:
    """Hold a file against its hash; one that is wrong is removed.

    A set that names no hash is held against the one that its first fetch left beside the file.
    """
    note = folder / f"{path.name.removesuffix('.part')}.sha256"
    expected = remote.hash
    if not expected and note.is_file():
        expected = note.read_text("utf-8").strip()
    kind = expected.partition(":")[0] if expected else "sha256"
    found = f"{kind}:{HASHES[kind](path)}"
    if not expected:
        note.write_text(found + "\n", "utf-8")
    elif found != expected:
        path.unlink()
        raise DataError(
            f"{key}: {remote.url} is {found}, expected {expected}; what was fetched is removed"
        )


def _sha256(path: Path) -> str:
    return _digest(path, hashlib.sha256())


def _git(path: Path) -> str:
    """The name that git gives a file's content, by which a commit pins it."""
    header = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(header, usedforsecurity=False))


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return str(digest.hexdigest())


HASHES: dict[str, Callable[[Path], str]] = {"sha256": _sha256, "git": _git}
"""What comes before the colon of a hash -> how it is computed."""
