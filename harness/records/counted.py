"""Numbers with their nouns."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 seed", "8 seeds"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
