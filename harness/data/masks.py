"""Tokens and a mask's spec to one loss weight per token: numpy, pure. A mask changes weights and
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness.config.schema import Mask
from harness.data.measures import MEASURES, Floats
from harness.data.tokens import Tokens
from harness.records.roles import PROMPT_IDS, PROMPT_ROLES, ROLE_ID, ROLES, Role

OF_THE_PROMPT: dict[str, Any] = {
    "prompt_weight": 1.0,
    "prompt_length": 0,
    "tiers": [],
    "schedule": "constant",
}
"""Settings that speak of the prompt's weights alone -> the value by which each says nothing."""


def weigh(tokens: Tokens, mask: Mask, importance: Floats) -> Floats:
    """The loss weight of each token as a prediction target: float32 [time], all >= 0.

    Args:
        tokens: the example.
        mask: the strategy.
        importance: float32 [time]; ties go to the earlier token.
    """
    by_role = np.array([_of_role(mask.weight, role, 0.0) for role in ROLES], np.float32)
    weights: Floats = by_role[tokens.roles]
    if mask.from_data and tokens.stated is not None:
        weights = np.where(np.isnan(tokens.stated), weights, tokens.stated)
    for role in ROLES:
        kept = _of_role(mask.keep, role, 1.0)
        graded = bool(mask.tiers) and role in PROMPT_ROLES
        places = np.flatnonzero(tokens.roles == ROLE_ID[role])
        if (kept == 1.0 and not graded) or not weights[places].any():
            continue
        ranked = places[np.argsort(-importance[places], kind="stable")]
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
    weights[is_prompt] *= np.float32(mask.prompt_weight)
    return weights


def ranks(mask: Mask) -> bool:
    """Whether tokens of the mask are kept or graded by their importance."""
    return bool(mask.tiers) or any(share != 1.0 for share in mask.keep.values())


def plain(mask: Mask) -> Mask:
    """The same mask without settings that say nothing of it, so that equal masks are equal.

    So `mask=full,none mask.prompt_weight=0.1,0.5` leaves one `full`, whose prompt weighs 0.
    """
    keep = {
        role: share if _of_role(mask.weight, role, 0.0) else 1.0
        for role, share in mask.keep.items()
    }
    mask = replace(mask, keep=keep)
    if not _trains_prompt(mask):
        mask = replace(mask, **OF_THE_PROMPT)
    if not ranks(mask):
        mask = replace(mask, importance=MEASURES.names()[0])  # nothing is ranked: any will do
    return mask


def said_in_vain(masks: Iterable[Mask]) -> list[str]:
    """Faults of settings of the prompt's weights in masks none of which gives the prompt any."""
    said: dict[str, str] = {}
    for mask in masks:
        if _trains_prompt(mask):
            return []
        for key, nothing in OF_THE_PROMPT.items():
            value = getattr(mask, key)
            if value != nothing:
                said.setdefault(key, f"mask.{key}={value}: says nothing of {mask.name}")
    return [
        f"{line}, where the prompt weighs 0; expected a mask in which it weighs, such as none"
        for line in said.values()
    ]


def _trains_prompt(mask: Mask) -> bool:
    return mask.from_data or any(mask.weight.get(role) for role in PROMPT_ROLES)


def _of_role(values: Mapping[Role, float], role: Role, default: float) -> float:
    """What a mask says of a role; of thoughts, where it says nothing, what it says of answers."""
    said = values.get("response", default) if role == "thinking" else default
    return values.get(role, said)


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
