"""Kinds of values that configs hold, as pydantic checks them."""

from __future__ import annotations

from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Threads = Annotated[int, Field(gt=0, le=1024)]
Rate = Annotated[float, Field(gt=0, le=1e3, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Text = Annotated[str, Field(min_length=1)]
strict = ConfigDict(extra="forbid", strict=True)
"""No unknown keys, and no text where a number is meant."""


def schemas(hint: object) -> list[type]:
    """The schemas that a value of this type may follow: one, those of a union, or none."""
    branches = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [branch for branch in branches if isinstance(branch, type) and is_dataclass(branch)]
