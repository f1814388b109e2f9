"""Named sets: files of others that a config of `conf/data` pins by address, revision and hash."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from harness.config.named import Named, Remote
from harness.config.schema import Data
from harness.data.errors import DataError
from harness.data.fetch import cache_folder, with_bar
from harness.data.files import load_files
from harness.data.splits import Splits
from harness.paths import located


def load_named(data: Data) -> Splits:
    """The sets of a named set's files, which are fetched the first time.

    Raises:
        DataError: a file cannot be fetched or read, or is not what its hash says.
    """
    named = data.named
    if named is None:
        raise DataError(f"data.named=null: expected address and licence of data={data.name}")
    path = [str(named_file(data.name, remote)) for remote in named.files]
    test_path = str(named_file(data.name, named.test)) if named.test else ""
    splits = load_files(replace(data, source="files", path=path, test_path=test_path))
    return splits._replace(notes=(_about(data.name, named), *splits.notes))


def _about(name: str, named: Named) -> str:
    first, *others = named.files
    more = f" and {len(others)} more" if others else ""
    return f"data={name}: licence {named.licence}; {named.citation}; {first.url}{more}"


def named_file(name: str, remote: Remote) -> Path:
    """The file's path in the cache, below the set's name and a hash of the address.

    Raises:
        DataError: it cannot be fetched, or is not what its hash says.
    """
    brought = located(remote.url)
    if brought.is_file():  # by a launch on another machine, which checked it
        return brought
    address = hashlib.sha256(remote.url.encode()).hexdigest()[:12]
    return with_bar(f"data={name}", remote, cache_folder() / name / address)
