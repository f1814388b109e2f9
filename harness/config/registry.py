"""Functions, or rows of data, by the name that a config calls them: the one way in which the
harness is extended. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from harness.config.hints import nearest

Entry = TypeVar("Entry")


class UnknownName(ValueError):
    """No entry has that name: one line that lists the known."""


class Registry(Generic[Entry]):
    """Entries of one kind, each under a name of its own, in the order in which they were added.

    A function is added where it is defined:

        @MEASURES.register("length")
        def length(ranking: Ranking) -> Floats: ...
    """

    def __init__(self, key: str) -> None:
        """An empty registry; `key` is the config key, or the word, that names its entries."""
        self.key = key
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> Entry:
        """Add an entry and return it.

        Raises:
            ValueError: another entry has that name.
        """
        if self._entries.get(name, entry) is not entry:
            raise ValueError(f"{self.key}={name!r}: taken, expected another name")
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """A decorator that adds what it stands above."""
        return lambda entry: self.add(name, entry)

    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(self._entries)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """All names with their entries, in order."""
        return iter(self._entries.items())

    def values(self) -> Iterator[Entry]:
        """All entries, in order."""
        return iter(self._entries.values())

    def get(self, name: str) -> Entry:
        """The entry of that name.

        Raises:
            UnknownName: there is none.
        """
        for fault in self.faults(name):
            raise UnknownName(fault)
        return self._entries[name]

    def faults(self, name: str) -> list[str]:
        """A line where no entry has that name; nothing where one has."""
        if name in self._entries:
            return []
        meant = nearest(name, self._entries)
        hint = f", did you mean {meant}?" if meant else ""
        return [f"{self.key}={name!r}: expected one of {', '.join(self._entries)}{hint}"]

    def __contains__(self, name: str) -> bool:
        """Whether an entry has that name."""
        return name in self._entries
