"""A sequence whose items are made as far as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

from harness.data.errors import DataError

Item = TypeVar("Item")


class Lazy(Sequence[Item]):
    """The first `count` items of an iterator, which is taken no further than to the last that was
    asked for; `name` stands in the error of one that has fewer.
    """

    def __init__(self, items: Iterator[Item], count: int, name: str) -> None:
        self._items = items
        self._count = count
        self._name = name
        self._made: list[Item] = []

    def __len__(self) -> int:
        """How many there are, made or not."""
        return self._count

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        """The item at a place, or those of a slice.

        Raises:
            DataError: the iterator ends before it.
        """
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self._count))]
        place = range(self._count)[place]  # which counts from the end, too, and raises IndexError
        while len(self._made) <= place:
            for item in self._items:
                self._made.append(item)
                break
            else:
                raise DataError(f"{self._name}: {len(self._made)}, expected {self._count}")
        return self._made[place]
