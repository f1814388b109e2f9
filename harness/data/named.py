"""Named sets: files of others that a config of `conf/data` pins by address, revision and hash."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from harness.config.named import Named, Remote
from harness.config.schema import Data
from harness.data.errors import DataError
from harness.data.fetch import fetched
from harness.data.files import load_files
from harness.data.splits import Splits


def load_named(data: Data) -> Splits:
    """The sets of a named set's files, which are fetched the first time.

    Raises:
        DataError: a file cannot be fetched or read, or is not what its hash says.
    """
    named = data.named
    if named is None:
        raise DataError(f"data.named=null: expected address and licence of data={data.name}")
    path = str(_with_bar(data.name, named.train))
    test_path = str(_with_bar(data.name, named.test)) if named.test else ""
    splits = load_files(replace(data, source="files", path=path, test_path=test_path))
    return splits._replace(notes=(_about(data.name, named), *splits.notes))


def _about(name: str, named: Named) -> str:
    return f"data={name}: licence {named.licence}; {named.citation}; {named.train.url}"


def _with_bar(name: str, remote: Remote) -> str:
    """The file's path in the cache; a bar is shown on the terminal while it is fetched."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(f"fetching data={name}", total=None, visible=False)

        def show(had: int, total: int) -> None:
            progress.update(task, completed=had, total=total or None, visible=True)

        return str(fetched(name, remote, show))
