"""Examples from a source, split into training pool, validation and held-out sets that share no
example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np

from harness.config.registry import Registry
from harness.config.schema import SIZES, Data
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.files import load_files
from harness.data.named import load_named
from harness.data.reasoning import load_reasoning
from harness.data.splits import Splits
from harness.data.tasks import CAPACITY, BuiltinSpec, generate

Source = Callable[[Data], Splits]
"""The sets that a data config names; raises `DataError`."""

SOURCES: Registry[Source] = Registry("data.source")
"""Name -> the function that loads it."""

SOURCES.add("files", load_files)
SOURCES.add("named", load_named)
SOURCES.add("reasoning_gym", load_reasoning)


def load(data: Data) -> Splits:
    """The sets that a data config names; the same for every size, template and seed of a run.

    Raises:
        DataError: a file is missing or a record is not an example, or the set is too small.
    """
    return SOURCES.get(data.source)(data)


def n_examples(size: int | str, pool: int) -> int:
    """The number that `data.size` names, of a pool of so many examples.

    Raises:
        DataError: the pool has fewer.
    """
    count = pool if size == "full" else size if isinstance(size, int) else SIZES[size]
    if count > pool:
        raise DataError(
            f"data.size={size}: {count} examples, expected at most the {pool} of the training set"
        )
    return count


def subset(pool: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` random examples; a smaller subset of the same seed is a prefix of a larger one."""
    return list(islice(drawn(pool, seed), count))


def drawn(pool: Sequence[Example], seed: int) -> Iterator[Example]:
    """All examples in the order in which a seed draws them, each made only when it is asked for."""
    order = np.random.default_rng([seed, len(pool)]).permutation(len(pool))
    return (pool[place] for place in order)


@SOURCES.register("builtin")
def _builtin(data: Data) -> Splits:
    spec = BuiltinSpec(
        prompt_words=data.prompt_words,
        response_words=data.response_words,
        distractor=data.distractor,
    )
    return _generated(spec, data.validation, data.test, data.test_families, data.seed)


@lru_cache(maxsize=4)
def _generated(
    spec: BuiltinSpec, validation: int, test: int, test_families: int, seed: int
) -> Splits:
    return Splits(
        generate(spec, "train", CAPACITY["train"], seed),
        generate(spec, "validation", validation, seed),
        generate(spec, "test", test, seed),
        generate(spec, "test_families", test_families, seed),
    )
