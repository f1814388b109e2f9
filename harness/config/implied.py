"""What some arguments of a command line imply."""

from __future__ import annotations

from collections.abc import Sequence


def implied(arguments: Sequence[str]) -> list[str]:
    """The arguments, and `data=file` where they name a path and no set of data: it decides."""
    named = {argument.partition("=")[0] for argument in arguments}
    return [*arguments, *(["data=file"] if "data.path" in named and "data" not in named else [])]
