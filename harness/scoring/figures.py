"""What a result says of the scores of its answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.records import ResponseRecord, Scale, Score
from harness.scoring import SCORES, mean

COMMON = Scale(unit="share", better="higher")
"""How scores are read where nothing else is said."""


class Figures(NamedTuple):
    """What a result says of answers' scores; the same keys as there."""

    scores: dict[str, Score]
    scales: dict[str, Scale]
    scored: dict[str, int]
    families: dict[str, dict[str, Score]]


def scales_of(names: Iterable[str]) -> dict[str, Scale]:
    """How to read the scores of these names."""
    return {name: SCORES.get(name).scale for name in names}


def scored(responses: Sequence[ResponseRecord], scales: Mapping[str, Scale]) -> Figures:
    """The means of scores over the test set, and by family over all that was asked.

    Args:
        responses: with these scores.
        scales: name of each score -> how to read it.
    """
    names = list(scales)
    tested = {name: mean([r for r in responses if r.split == "test"], name) for name in names}
    groups: dict[str, list[ResponseRecord]] = {}
    for response in responses:
        if response.family:
            groups.setdefault(response.family, []).append(response)
    families = {}
    for family, members in sorted(groups.items()):
        families[family] = {name: mean(members, name)[0] for name in names}
    return Figures(
        scores={name: value for name, (value, _) in tested.items()},
        scales={name: scale for name, scale in scales.items() if scale != COMMON},
        scored={name: count for name, (_, count) in tested.items()},
        families=families,
    )
