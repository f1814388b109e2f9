"""The short spelling of the keys that say how a run is carried out: `device=cpu` for
`launch.device=cpu`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from harness.config.launch import Launch

PREFIX = "launch."

_SHORT = re.compile(rf"^(\+{{0,2}})({'|'.join(field.name for field in fields(Launch))})=")


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments as Hydra knows them; all but `KEY=VALUE` with a key of `Launch` stay.

    `+KEY=`, `++KEY=` and the many values of a multirun are spelled out alike.
    """
    return [_SHORT.sub(rf"\1{PREFIX}\2=", argument) for argument in arguments]
