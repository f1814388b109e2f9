"""Whether runs have what a figure shows."""

from __future__ import annotations

from analysis.study import Study


class Unfit(ValueError):
    """These runs do not have what a figure shows: one line why."""


def need_pairs(study: Study) -> None:
    """Refuse a study without anything to compare.

    Raises:
        Unfit: it has no pair.
    """
    if study.pairs.empty:
        raise Unfit(f"no run has a fair partner of '{study.baseline}'")


def others(study: Study) -> list[str]:
    """The arms without the baseline."""
    return [arm for arm in study.arms if arm != study.baseline]
