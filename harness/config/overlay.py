"""A job that only gives other scalars to a composed config: the config's plain values with these in
their places, without OmegaConf, which takes a hundred times as long over it. No torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

Place = tuple[str, ...]

REFERENCE = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")
"""A value that is another one's, and nothing else."""


class Base:
    """What jobs that choose the same groups share.

    Attributes:
        config: as composed, without Hydra's part.
    """

    def __init__(self, config: DictConfig) -> None:
        self.config = config

    @cached_property
    def content(self) -> dict[str, Any]:
        """Its values, references as they are written."""
        content = OmegaConf.to_container(self.config, resolve=False)
        assert isinstance(content, dict)
        return {str(key): value for key, value in content.items()}

    @cached_property
    def unsaid(self) -> dict[Place, str]:
        """Where values are missing, or are to be had from others by OmegaConf."""
        return {place: value for place, value in _leaves(self.content) if _open(value)}

    def overlaid(self, lines: Sequence[Override]) -> dict[str, Any] | None:
        """The plain values of the config with scalars set anew; None where a line does anything
        else, or a value stays open: then OmegaConf has to see to it, and to what is wrong.

        Nothing in what is returned may be changed: jobs share what they have in common.
        """
        content, unsaid = self.content, dict(self.unsaid)
        for line in lines:
            place = tuple(line.key_or_group.split("."))
            if not gives_scalar(line) or not _scalar_at(content, place):
                return None
            content = _replaced(content, place, line.value())
            unsaid.pop(place, None)
        for place, written in unsaid.items():
            named = REFERENCE.fullmatch(written)
            target = tuple(named[1].split(".")) if named else ()
            if not target or not _scalar_at(content, target) or _open(_at(content, target)):
                return None
            content = _replaced(content, place, _at(content, target))
        return content


def gives_scalar(line: Override) -> bool:
    """Whether a line only gives a value that is known, and no list or group."""
    value = line.value()
    changes = line.type is OverrideType.CHANGE and line.package is None
    return changes and _scalar(value) and not _open(value)


def related(line: Override, other: Override) -> bool:
    """Whether lines say something of the same key, or one of a key within the other's."""
    one, two = (f"{each.key_or_group}." for each in (line, other))
    return one.startswith(two) or two.startswith(one)


def _leaves(content: Mapping[str, Any], prefix: Place = ()) -> Iterator[tuple[Place, Any]]:
    """All values with their places; a list is one value."""
    for key, value in content.items():
        place = (*prefix, key)
        if isinstance(value, dict):
            yield from _leaves(value, place)
        else:
            yield place, value


def _open(value: object) -> bool:
    """Whether a value is missing or refers to others."""
    return "${" in str(value) or "???" in str(value)


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


_NOTHING = object()


def _at(content: Mapping[str, Any], place: Place) -> Any:
    found: Any = content
    for key in place:
        found = found.get(key, _NOTHING) if isinstance(found, dict) else _NOTHING
    return found


def _scalar_at(content: Mapping[str, Any], place: Place) -> bool:
    """Whether there is a value at a place, and no list or group."""
    return _scalar(_at(content, place))


def _replaced(content: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    """A copy with another value at a place that it has; the rest is shared."""
    key, *rest = place
    return {**content, key: _replaced(content[key], tuple(rest), value) if rest else value}
