"""Kinds of values that configs hold, as pydantic checks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

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


@cache
def types_of(schema: type) -> Mapping[str, Any]:
    """The type of each field of a config class, its names looked up once in a process."""
    return get_type_hints(schema)


def schemas(hint: object) -> list[type]:
    """The schemas that a value of this type may follow: one, those of a union, or none."""
    branches = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [branch for branch in branches if isinstance(branch, type) and is_dataclass(branch)]
