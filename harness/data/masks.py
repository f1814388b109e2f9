"""Tokens and a mask's spec to one loss weight per token: numpy, pure. A mask changes weights and
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.config.schema import Importance, Mask, Schedule
from harness.data.tokens import ROLE_ID, Tokens
from harness.records import ROLES

PROMPT_ROLES = ("template", "system", "instruction", "input", "user")
"""Every role but what the assistant itself says."""

PROMPT_IDS = [ROLE_ID[role] for role in PROMPT_ROLES]

Floats = NDArray[np.float32]


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


def importance(
    measure: Importance,
    tokens: Tokens,
    idf: Floats,
    surprisal: Floats | None,
    seed: tuple[int, ...],
) -> Floats:
    """How important each token of an example is: float32 [time], higher is more.

    - idf: ln((1 + N) / (1 + df)), how few examples of the training subset hold the token.
    - surprisal: −ln p(token | what stands before it) under the base model, in nats (as Selective
      Context, Li et al. 2023, arXiv 2310.06201, ranks what to keep of a prompt).
    - position: −i for the i-th token: what stands first matters most.
    - random: uniform; the control of equal dose.

    Args:
        measure: one of these.
        tokens: the example.
        idf: float32 [vocabulary], of `inverse_document_frequency` over the training subset.
        surprisal: float32 [time], needed by that measure alone.
        seed: of the random measure; unique to run and example, the same for every mask.
    """
    if measure == "idf":
        return idf[tokens.ids]
    if measure == "surprisal":
        assert surprisal is not None
        return surprisal
    if measure == "position":
        return -np.arange(len(tokens.ids), dtype=np.float32)
    return np.random.default_rng(seed).random(len(tokens.ids), np.float32)


def weigh(tokens: Tokens, mask: Mask, score: Floats) -> Floats:
    """The loss weight of each token as a prediction target: float32 [time], all >= 0.

    Args:
        tokens: the example.
        mask: the strategy.
        score: float32 [time], the tokens' importance; ties go to the earlier token.
    """
    by_role = np.array([mask.weight.get(role, 0.0) for role in ROLES], np.float32)  # type: ignore[call-overload]
    weights: Floats = by_role[tokens.roles]
    for role in ROLES:
        kept = mask.keep.get(role, 1.0)  # type: ignore[call-overload]
        graded = bool(mask.tiers) and role in PROMPT_ROLES
        places = np.flatnonzero(tokens.roles == ROLE_ID[role])
        if (kept == 1.0 and not graded) or not len(places) or not by_role[ROLE_ID[role]]:
            continue
        ranked = places[np.argsort(-score[places], kind="stable")]
        if graded:
            weights[ranked] *= _grades(mask, len(ranked))
        weights[ranked[_count(kept, len(ranked)) :]] = 0.0
    is_prompt = np.isin(tokens.roles, PROMPT_IDS)
    if mask.turns != "all":
        said = tokens.turns[~is_prompt]
        chosen = int(said.max() if mask.turns == "last" else said.min()) if len(said) else 0
        weights[~is_prompt & (tokens.turns != chosen)] = 0.0
    length = int(is_prompt.sum())
    if 0 < mask.prompt_length < length:
        weights[is_prompt] *= np.float32(mask.prompt_length / length)
    return weights


def prompt_scale(schedule: Schedule, step: int, steps: int) -> float:
    """The factor on the prompt's weights at `step` (from 0) of `steps`: 1, or from 1 at the first
    to 0 at the last.
    """
    return 1.0 if schedule == "constant" or steps < 2 else 1 - step / (steps - 1)


def _count(fraction: float, total: int) -> int:
    """The number of tokens that a fraction keeps, rounded up; the small term absorbs binary
    fractions' error.
    """
    return min(total, math.ceil(fraction * total - 1e-9))


def _grades(mask: Mask, total: int) -> Floats:
    """The tier factor of each rank, best first; ranks below the last tier weigh 0."""
    grades = np.zeros(total, np.float32)
    begin = 0
    for tier in mask.tiers:
        end = _count(tier.top, total)
        grades[begin:end] = tier.weight
        begin = end
    return grades
