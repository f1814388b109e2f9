"""What a source gives: sets of examples that share none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.data.example import Example


class Splits(NamedTuple):
    """Disjoint sets of examples.

    Attributes:
        pool: what training subsets are drawn from.
        validation: for choosing, never trained on.
        test: held out.
        test_families: of task families that no other set holds.
        duplicates: equal conversations left out.
        in_test: training examples left out that a held-out set holds too, space and case aside.
        notes: a line on each file that was read, and on what was left out.
        warnings: a line on each special token that texts spell out.
    """

    pool: Sequence[Example]
    validation: Sequence[Example]
    test: Sequence[Example]
    test_families: Sequence[Example]
    duplicates: int = 0
    in_test: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
