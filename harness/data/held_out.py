"""What a run is measured on and chosen by: encoded once for all seeds that draw their training
examples beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from harness.config.schema import Run
from harness.data.encoded import Encoded, digest, encode_all, fitting
from harness.data.errors import DataError
from harness.data.files import held_out
from harness.data.sources import load
from harness.data.tokens import tokenizer_of


@dataclass(frozen=True)
class HeldOut:
    """The sets that nothing is trained on.

    Attributes:
        validation: what choices are made on, maybe empty.
        test: the held-out set.
        test_families: the held-out families' set, maybe empty.
        also: name -> held-out examples of another set.
        dropped: examples that were left out since they are longer than the context.
    """

    validation: list[Encoded]
    test: list[Encoded]
    test_families: list[Encoded]
    also: dict[str, list[Encoded]]
    dropped: int

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each set, by its name."""
        own = {split: digest(items) for split, items in self._own.items()}
        return own | {f"on_{name}": digest(items) for name, items in sorted(self.also.items())}

    @cached_property
    def test_lengths(self) -> list[int]:
        """Tokens of each held-out example."""
        return [len(item.tokens.ids) for item in self.test]

    @cached_property
    def tokens(self) -> dict[str, int]:
        """The number of tokens of each set, by its name."""
        sets = self._own | {f"on_{name}": items for name, items in self.also.items()}
        return {name: sum(len(item.tokens.ids) for item in items) for name, items in sets.items()}

    @cached_property
    def truncated(self) -> int:
        """Examples of the run's own sets that were cut to the context."""
        return sum(item.truncated for items in self._own.values() for item in items)

    @cached_property
    def written_specials(self) -> int:
        """Examples of the run's own sets in which a special token is written out."""
        return sum(item.writes_specials for items in self._own.values() for item in items)

    @property
    def _own(self) -> dict[str, list[Encoded]]:
        return {
            "validation": self.validation,
            "test": self.test,
            "test_families": self.test_families,
        }


def hold_out(run: Run) -> HeldOut:
    """Load and encode a run's held-out sets.

    Raises:
        DataError: the source is faulty or too small, or an example exceeds the context and
            `too_long=error`.
        OSError: the tokenizer's ranks are not to be had.
    """
    splits = load(run.data)
    given = (splits.test, splits.validation, splits.test_families)
    test, validation, families = (fitting(examples, run) for examples in given)
    dropped = sum(map(len, given)) - sum(map(len, (test, validation, families)))
    return HeldOut(validation, test, families, _other_sets(run), dropped)


class HeldOuts:
    """Remembers the last held-out sets, which runs that differ in their training examples share."""

    def __init__(self) -> None:
        self._key = ""
        self._last: HeldOut | None = None

    def of(self, run: Run) -> HeldOut:
        """As `hold_out`."""
        data, model = replace(run.data, size=1), replace(run.model, lr={})
        key = repr((data, model, run.score.also))
        if self._last is None or key != self._key:
            self._key, self._last = key, None
            self._last = hold_out(run)
        return self._last


def _other_sets(run: Run) -> dict[str, list[Encoded]]:
    """Name -> examples of the other sets that a run is measured on, in its own template, as many as
    it is tested on; those that its context does not hold are left out.
    """
    tokenizer, sets = tokenizer_of(run.model), {}
    for name, path in (run.score.also or {}).items():
        every = held_out(path, run.data.seed)
        items = encode_all(every, run.data.template, tokenizer, run.model.context)
        kept = [item for item in items if not item.truncated]
        if not kept:
            raise DataError(
                f"score.also.{name}={path}: no example fits model.context={run.model.context}"
            )
        sets[name] = kept[: run.data.test]
    return sets
