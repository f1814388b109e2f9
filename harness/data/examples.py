"""A run's examples, tokenised and shifted: what is trained on and what is measured on, the same for
every mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
from numpy.typing import NDArray

from harness.config.schema import Run
from harness.data.encoded import Encoded, digest, fitting
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.held_out import HeldOut, HeldOuts
from harness.data.masks import ranks, weigh
from harness.data.measures import Floats, Ranking, inverse_document_frequency, measured
from harness.data.rows import Row, shift
from harness.data.sources import drawn, load, n_examples, subset
from harness.data.statistics import Statistics, statistics
from harness.data.tokens import Tokenizer, tokenizer_of
from harness.records import AuditRecord, Split
from harness.records.roles import RESPONSE_IDS, ROLES

MOST_KEPT = 64
"""Sets whose statistics a worker remembers."""

_statistics: dict[tuple[str, str], Statistics] = {}
"""Digests of training subset and held-out set -> what they come to."""


@dataclass(frozen=True)
class Examples:
    """What a run works on; the same object serves all masks, so what follows from it is kept.

    Attributes:
        train: the training subset.
        held: what it is measured on and chosen by.
        counts: examples that are truncated, dropped, left out as duplicates or as held out too, or
            hold a special token, written out.
    """

    train: list[Encoded]
    held: HeldOut
    counts: dict[str, int]

    @property
    def validation(self) -> list[Encoded]:
        """What choices are made on, maybe empty."""
        return self.held.validation

    @property
    def test(self) -> list[Encoded]:
        """The held-out set."""
        return self.held.test

    @property
    def test_families(self) -> list[Encoded]:
        """The held-out families' set, maybe empty."""
        return self.held.test_families

    @property
    def also(self) -> dict[str, list[Encoded]]:
        """Name -> held-out examples of another set."""
        return self.held.also

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each set, by its name."""
        return {"train": digest(self.train), **self.held.digests}

    def of(self, split: Split) -> list[Encoded]:
        """The examples of a set."""
        examples: list[Encoded] = getattr(self, split)
        return examples

    @cached_property
    def statistics(self) -> Statistics:
        """Of the training subset beside the held-out set; counted once for all masks."""
        key = (self.digests["train"], self.digests["test"])
        if key not in _statistics:
            while len(_statistics) > MOST_KEPT:
                _statistics.pop(next(iter(_statistics)))
            _statistics[key] = statistics(self.train, [item.example for item in self.test])
        return _statistics[key]

    @cached_property
    def train_tokens(self) -> int:
        """Tokens of the training subset."""
        return sum(len(item.tokens.ids) for item in self.train)


def prepare_examples(run: Run, known: HeldOuts | None = None) -> Examples:
    """Load, draw and encode a run's examples.

    Args:
        run: its config.
        known: the last held-out sets, which may be its own.

    Raises:
        DataError: the source is faulty or too small, or an example exceeds the context and
            `too_long=error`.
        OSError: the tokenizer's ranks are not to be had.
    """
    splits = load(run.data)
    n_examples(run.data.size, len(splits.pool))  # a size that the pool has not, said first
    # Held-out sets first: what is too long shows there before the whole pool is made.
    held = (known or HeldOuts()).of(run)
    train, passed_over = _training(splits.pool, run)
    if not train or not held.test:
        raise DataError(
            f"model.context={run.model.context}: every example is longer and was dropped"
        )
    if run.score.calibration and not held.validation:
        raise DataError(
            "score.calibration=true: its temperature is fitted on validation, and every example of "
            f"that is longer than model.context={run.model.context} and was dropped"
        )
    counts = {
        "truncated": held.truncated + sum(item.truncated for item in train),
        "dropped": held.dropped + passed_over,
        "duplicates": splits.duplicates,
        "in_test": splits.in_test,
        "written_specials": held.written_specials + sum(item.writes_specials for item in train),
    }
    return Examples(train, held, counts)


def _training(pool: Sequence[Example], run: Run) -> tuple[list[Encoded], int]:
    """The training subset, and how many examples were passed over for it.

    Where what is too long is dropped, others are drawn in its place: every seed has as many.

    Raises:
        DataError: too few fit the context, or an example does not and `too_long=error`.
    """
    count = n_examples(run.data.size, len(pool))
    if run.data.too_long != "drop":
        return fitting(subset(pool, count, run.seed), run), 0
    train: list[Encoded] = []
    looked_at = 0
    for example in drawn(pool, run.seed):
        if len(train) == count:
            break
        train += fitting([example], run)
        looked_at += 1
    if len(train) < count and run.data.size != "full":
        raise DataError(
            f"data.size={run.data.size}: {count} examples, expected at most the {len(train)} of "
            f"the training set that model.context={run.model.context} holds"
        )
    return train, looked_at - len(train)


Surprisals = Callable[[], Sequence[Floats]]
"""Gives the surprisal of each training example's tokens under the base, float32 [time] each."""


def weighted_rows(train: Sequence[Encoded], run: Run, surprisals: Surprisals) -> list[Row]:
    """The training rows with the mask's weights.

    Args:
        train: the training subset.
        run: its config.
        surprisals: asked once, and only where the mask's measure asks.

    Raises:
        DataError: the mask leaves no token of any example in the loss; the first example is named.
        ValueError: the measure of importance gives no number for a token.
    """
    rows = _ranked(train, run, surprisals) if ranks(run.mask) else _unranked(train, run)
    if not any(row.weights.any() for row in rows):
        raise _weightless(train, run)
    return rows


_rows: dict[tuple[object, ...], dict[str, Row]] = {}
"""Rows whose weights hang on nothing but mask and example, which all seeds share: mask, template,
tokenizer and context -> example -> row.
"""


def _unranked(train: Sequence[Encoded], run: Run) -> list[Row]:
    """Rows of a mask that ranks no tokens."""
    key = (repr(run.mask), run.data.template, tokenizer_of(run.model).digest, run.model.context)
    known = _rows.setdefault(key, {})
    for item in train:
        if item.example.id not in known:
            alike = np.zeros(len(item.tokens.ids), np.float32)
            known[item.example.id] = shift(item.tokens, weigh(item.tokens, run.mask, alike))
    return [known[item.example.id] for item in train]


def _ranked(train: Sequence[Encoded], run: Run, surprisals: Surprisals) -> list[Row]:
    """Rows of a mask that keeps or grades tokens by their importance."""
    vocabulary = tokenizer_of(run.model).size
    idf = cache(lambda: inverse_document_frequency((item.tokens for item in train), vocabulary))
    nats = cache(surprisals)
    rows = []
    for number, item in enumerate(train):
        ranking = Ranking(item.tokens, idf, partial(_nth, nats, number), seed=(run.seed, number))
        importance = measured(run.mask.importance, ranking)
        rows.append(shift(item.tokens, weigh(item.tokens, run.mask, importance)))
    return rows


def _nth(values: Surprisals, number: int) -> Floats:
    return values()[number]


def check_weights(train: Sequence[Encoded], run: Run) -> None:
    """Raise DataError where the mask leaves nothing in the loss, as far as can be told cheaply.

    All tokens rank alike here, and no example is looked at beyond the first with weight: a sweep of
    thousands checks each of its runs.
    """
    for item in train:
        alike = np.zeros(len(item.tokens.ids), np.float32)
        if shift(item.tokens, weigh(item.tokens, run.mask, alike)).weights.any():
            return
    raise _weightless(train, run)


def _weightless(train: Sequence[Encoded], run: Run) -> DataError:
    return DataError(
        f"mask={run.mask.name}: no token of any training example has weight, the first being "
        f"{train[0].example.id}; expected roles of mask.weight that occur in data={run.data.name}"
    )


def describe(item: Encoded, weights: NDArray[np.float32], tokenizer: Tokenizer) -> AuditRecord:
    """An example's tokens, each with its role and weight as a target; the first is never a target
    and weighs 0.
    """
    return AuditRecord(
        id=item.example.id,
        tokens=[tokenizer.decode([token]) for token in item.tokens.ids.tolist()],
        roles=[ROLES[role] for role in item.tokens.roles.tolist()],
        weights=[0.0, *(round(weight, 6) for weight in weights.tolist())],
    )


def plain_rows(items: Sequence[Encoded]) -> list[Row]:
    """Rows for evaluation, which knows no mask: all weights 1."""
    return [shift(item.tokens, np.ones(len(item.tokens.ids), np.float32)) for item in items]


def response_rows(items: Sequence[Encoded]) -> list[Row]:
    """Rows that weigh response and end tokens alone."""
    spoken = [np.isin(item.tokens.roles, RESPONSE_IDS).astype(np.float32) for item in items]
    return [shift(item.tokens, own) for item, own in zip(items, spoken, strict=True)]
