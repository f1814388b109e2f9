"""Rows to tensors: a batch without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.data.rows import RESPONSE_ROLES, Row
from harness.models.gpt import Layout


class Batch(NamedTuple):
    """Rows that pass through the model together, flat and without padding: N targets in all.

    Attributes:
        inputs, targets: int64 [N].
        roles: int64 [N], of the targets.
        weights: float32 [N], of the targets, already divided by the example's Σ w where the
            normaliser asks it.
        row: int64 [N], which row each belongs to.
        layout: where each sits in the grid of rows.
    """

    inputs: Tensor
    targets: Tensor
    roles: Tensor
    weights: Tensor
    row: Tensor
    layout: Layout

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        slots = self.layout.slots
        return Batch(
            self.inputs.to(device),
            self.targets.to(device),
            self.roles.to(device),
            self.weights.to(device),
            self.row.to(device),
            self.layout._replace(slots=None if slots is None else slots.to(device)),
        )


def assemble(rows: Sequence[Row]) -> Batch:
    """Lay rows end to end."""
    lengths = np.array([len(row.inputs) for row in rows])
    length = int(lengths.max())
    owner = np.repeat(np.arange(len(rows)), lengths)
    column = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    full = bool((lengths == length).all())
    return Batch(
        torch.from_numpy(np.concatenate([row.inputs for row in rows]).astype(np.int64)),
        torch.from_numpy(np.concatenate([row.targets for row in rows]).astype(np.int64)),
        torch.from_numpy(np.concatenate([row.roles for row in rows]).astype(np.int64)),
        torch.from_numpy(np.concatenate([row.weights for row in rows])),
        torch.from_numpy(owner),
        Layout(len(rows), length, None if full else torch.from_numpy(owner * length + column)),
    )


def is_response(roles: Tensor) -> Tensor:
    """Bool, of the shape of `roles`: whether the token is the assistant's own, its end token
    counted.
    """
    return (roles == RESPONSE_ROLES[0]) | (roles == RESPONSE_ROLES[1])
