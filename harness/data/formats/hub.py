"""Sets of the Hugging Face hub, through the library `datasets`, which the extra `data` brings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.data.errors import DataError
from harness.data.formats.record import Record, without_nulls

PREFIX = "hf:"
ADDRESS = re.compile(
    r"hf:(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<config>[\w.-]+))?"
    r"(?:@(?P<revision>[\w./-]+))?(?::(?P<split>.+))?"
)


def hub(address: str) -> Iterator[Record]:
    """The rows of a set of the hub; its split `train` where the address names none.

    Args:
        address: `hf:owner/name[/config][@revision][:split]`.

    Raises:
        DataError: the library is missing, the address is none, or the set is not to be had, or not
            in this revision.
    """
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        raise DataError(
            f"data.path={address}: expected hf:owner/name, maybe followed by /config, @revision "
            "and :split"
        )
    try:
        from datasets import load_dataset_builder
        from datasets.packaged_modules.cache.cache import Cache
    except ImportError:
        raise DataError(
            f"data.path={address}: the library datasets is missing, expected "
            "pip install 'prompt-mask-harness[data]'"
        ) from None
    try:
        builder = load_dataset_builder(parts["name"], parts["config"], revision=parts["revision"])
        _hold_revision(address, parts["revision"], builder, Cache)
        builder.download_and_prepare()
        rows: Any = builder.as_dataset(split=parts["split"] or "train")
    except DataError:
        raise
    except Exception as error:  # the library raises what it likes
        reason = (str(error).splitlines() or [""])[0]
        raise DataError(f"data.path={address}: {type(error).__name__}: {reason}") from None
    for number, row in enumerate(rows, start=1):
        fields = without_nulls(dict(row))
        assert isinstance(fields, dict)
        yield Record(fields, f"{address}: row {number}")


def _hold_revision(address: str, revision: str | None, builder: Any, cached: type) -> None:
    """Refuse what the library takes from its cache while the hub is out of reach, the last one that
    was fetched, unless that is known to be the revision asked for.

    Raises:
        DataError: it is not.
    """
    commit = builder.hash
    if revision not in (None, commit) and isinstance(builder, cached):
        raise DataError(
            f"data.path={address}: the hub is out of reach and {commit} was fetched last, "
            "expected to be online, or that commit as the revision"
        )
