"""Measures of importance: what ranks the tokens of an example, within each role, for a mask that
keeps or grades only some of them. Numpy, pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.config.registry import Registry
from harness.data.tokens import Tokens

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """An example whose tokens are ranked, and what a measure may look at.

    Attributes:
        tokens: the example.
        idf: gives float32 [vocabulary], of `inverse_document_frequency` over the training subset.
        surprisal: gives float32 [time], −ln p(token | what stands before it) under the base model,
            in nats; 0 for the first token, which nothing predicts. The base is asked once, for the
            whole subset, and only if a measure asks.
        seed: of random choices; unique to run and example, the same for every mask.
    """

    tokens: Tokens
    idf: Callable[[], Floats]
    surprisal: Callable[[], Floats]
    seed: tuple[int, ...]

    @property
    def rng(self) -> np.random.Generator:
        """A generator at the beginning of the example's own random numbers."""
        return np.random.default_rng(self.seed)


Measure = Callable[[Ranking], Floats]
"""The importance of each token of an example: float32 [time], higher is more; ties go to the
earlier token.
"""

MEASURES: Registry[Measure] = Registry("mask.importance")


@MEASURES.register("idf")
def idf(ranking: Ranking) -> Floats:
    """How few examples of the training subset hold the token."""
    return ranking.idf()[ranking.tokens.ids]


@MEASURES.register("surprisal")
def surprisal(ranking: Ranking) -> Floats:
    """How little the base model expected the token.

    So Selective Context (Li et al. 2023, arXiv 2310.06201) ranks what to keep of a prompt.
    """
    return ranking.surprisal()


@MEASURES.register("position")
def position(ranking: Ranking) -> Floats:
    """What stands first matters most."""
    return -np.arange(len(ranking.tokens.ids), dtype=np.float32)


@MEASURES.register("random")
def random(ranking: Ranking) -> Floats:
    """Uniform: the control of equal dose."""
    return ranking.rng.random(len(ranking.tokens.ids), np.float32)


def measured(name: str, ranking: Ranking) -> Floats:
    """The importance of each token by the measure of that name: float32 [time].

    Raises:
        UnknownName: there is no such measure.
        ValueError: it gives anything but one number for each token.
    """
    importance = np.asarray(MEASURES.get(name)(ranking), np.float32)
    expected = ranking.tokens.ids.shape
    if importance.shape != expected or np.isnan(importance).any():
        raise ValueError(
            f"mask.importance={name}: an array of {importance.shape}, expected {expected} numbers"
        )
    return importance


def inverse_document_frequency(examples: Iterable[Tokens], vocabulary: int) -> Floats:
    """idf(t) = ln((1 + N) / (1 + df(t))) for each token id t: float32 [vocabulary].

    N is the number of examples, df(t) in how many of them t occurs. High for what few examples say
    (Spärck Jones 1972, https://doi.org/10.1108/eb026526, with add-one smoothing).
    """
    frequency = np.zeros(vocabulary, np.int64)
    count = 0
    for tokens in examples:
        frequency[np.unique(tokens.ids)] += 1
        count += 1
    return np.log((1 + count) / (1 + frequency)).astype(np.float32)
