"""Rows to tensors: a batch without padding, of one run or of a stack of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.rows import Row
from harness.models.gpt import Layout
from harness.records.roles import RESPONSE_IDS, ROLE_ID

ALIGNMENT = 16
"""A stack's runs are filled up to a multiple of so many positions, as matrix units like it."""


class Flat(NamedTuple):
    """Rows of one run laid end to end; arrays are [N] but for `lengths`, int64 [rows].

    Attributes:
        inputs, targets: int32 ids.
        roles: int8, of the targets.
        weights: float32, of the targets.
        lengths: targets of each row.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    roles: NDArray[np.int8]
    weights: NDArray[np.float32]
    lengths: NDArray[np.int64]


class Room(NamedTuple):
    """Sizes that a stack's batch is filled up to.

    Attributes:
        tokens: positions of each run.
        places: positions with weight of each run.
        rows: of all runs together, those of filler counted.
        longest: tokens of the longest row that it may hold.
    """

    tokens: int
    places: int
    rows: int
    longest: int


class Batch(NamedTuple):
    """Rows that pass through the model together. Leading axis [S] in a stack, N targets a run.

    Attributes:
        inputs, targets: int64 [N] or [S, N].
        roles: int64 [N] or [S, N], of the targets; filler has the id after the last role.
        weights: float32 [N] or [S, N], of the targets; 0 for filler.
        row: int64 [N] or [S, N], which row of its run each belongs to; filler comes after the last.
        places: int64 [P] or [S, P], positions with weight; a stack's are filled up with the last
            position, which then has no weight.
        layout: where each sits in the grid of rows.
    """

    inputs: Tensor
    targets: Tensor
    roles: Tensor
    weights: Tensor
    row: Tensor
    places: Tensor
    layout: Layout

    def to(self, device: torch.device) -> Batch:
        """The batch on another device, on its way there while the host goes on."""
        if device.type == "cpu":
            return self

        def move(tensor: Tensor) -> Tensor:
            return tensor.pin_memory().to(device, non_blocking=True)

        return Batch(
            move(self.inputs),
            move(self.targets),
            move(self.roles),
            move(self.weights),
            move(self.row),
            move(self.places),
            self.layout.to(device),
        )

    def tensors(self) -> list[Tensor]:
        """All of a stack's tensors, those of its layout included."""
        slots, starts = self.layout.slots, self.layout.starts
        assert slots is not None and starts is not None
        own = [self.inputs, self.targets, self.roles, self.weights, self.row, self.places]
        return [*own, slots, starts]


def lay(rows: Sequence[Row]) -> Flat:
    """Lay rows end to end."""
    return Flat(
        np.concatenate([row.inputs for row in rows]),
        np.concatenate([row.targets for row in rows]),
        np.concatenate([row.roles for row in rows]),
        np.concatenate([row.weights for row in rows]),
        np.array([len(row.inputs) for row in rows]),
    )


def batch_of(flat: Flat) -> Batch:
    """A lone run's batch."""
    lengths = flat.lengths
    length = int(lengths.max())
    owner = np.repeat(np.arange(len(lengths)), lengths)
    full = bool((lengths == length).all())
    return Batch(
        torch.from_numpy(flat.inputs.astype(np.int64)),
        torch.from_numpy(flat.targets.astype(np.int64)),
        torch.from_numpy(flat.roles.astype(np.int64)),
        torch.from_numpy(flat.weights),
        torch.from_numpy(owner),
        torch.from_numpy(np.flatnonzero(flat.weights)),
        _layout(lengths, owner, length, full),
    )


def _layout(
    lengths: NDArray[np.int64], owner: NDArray[np.int64], length: int, full: bool
) -> Layout:
    ends = np.cumsum(lengths)
    starts = torch.from_numpy(np.concatenate([[0], ends]).astype(np.int32))
    if full:
        return Layout(len(lengths), length, None, starts)
    column = np.arange(len(owner)) - np.repeat(ends - lengths, lengths)
    return Layout(len(lengths), length, torch.from_numpy(owner * length + column), starts)


def stack(flats: Sequence[Flat | None], filler_role: int, room: Room | None = None) -> Batch:
    """One batch of several runs, each filled up to as many tokens as the longest has.

    Args:
        flats: what each run trains on; None for a run that has no tokens in this batch.
        filler_role: the role id of filler.
        room: sizes to fill the batch up to; rows that are added for it have no tokens.
    """
    runs = len(flats)
    counts = [0 if flat is None else len(flat.inputs) for flat in flats]
    longest = max(int(flat.lengths.max()) for flat in flats if flat is not None)
    if room is None:
        room = Room(aligned(max(counts)), 1, 0, longest)
    size, longest = room.tokens, room.longest
    inputs, targets, row = (np.zeros((runs, size), np.int64) for _ in range(3))
    roles = np.full((runs, size), filler_role, np.int64)
    weights = np.zeros((runs, size), flats[0].weights.dtype if flats[0] else np.float32)
    lengths: list[NDArray[np.int64]] = []
    picked: list[NDArray[np.int64]] = []
    for run, (flat, count) in enumerate(zip(flats, counts, strict=True)):
        own = np.zeros(0, np.int64)
        if flat is not None:
            own = flat.lengths
            inputs[run, :count] = flat.inputs
            targets[run, :count] = flat.targets
            roles[run, :count] = flat.roles
            weights[run, :count] = flat.weights
            row[run, :count] = np.repeat(np.arange(len(own)), own)
        row[run, count:] = len(own)
        lengths += [own, _filler(size - count, longest)]
        picked.append(np.flatnonzero(weights[run]))
    places = np.full((runs, max(room.places, *map(len, picked))), size - 1, np.int64)
    for run, own in enumerate(picked):
        places[run, : len(own)] = own
    flat_lengths = np.concatenate(lengths)
    empty = np.zeros(max(0, room.rows - len(flat_lengths)), np.int64)
    flat_lengths = np.concatenate([flat_lengths, empty])
    owner = np.repeat(np.arange(len(flat_lengths)), flat_lengths)
    return Batch(
        torch.from_numpy(inputs),
        torch.from_numpy(targets),
        torch.from_numpy(roles),
        torch.from_numpy(weights),
        torch.from_numpy(row),
        torch.from_numpy(places),
        _layout(flat_lengths, owner, longest, full=False),
    )


def restored(tensors: Sequence[Tensor], room: Room) -> Batch:
    """The stack's batch of this room whose `tensors` these are."""
    inputs, targets, roles, weights, row, places, slots, starts = tensors
    layout = Layout(room.rows, room.longest, slots, starts)
    return Batch(inputs, targets, roles, weights, row, places, layout)


def aligned(tokens: int) -> int:
    """Positions of each run of a stack for so many tokens; the last one is always filler."""
    return (tokens // ALIGNMENT + 1) * ALIGNMENT


def _filler(count: int, longest: int) -> NDArray[np.int64]:
    """Lengths of the rows that `count` positions of filler make, none longer than a real one."""
    whole, rest = divmod(count, longest)
    return np.array([longest] * whole + ([rest] if rest else []), np.int64)


def is_response(roles: Tensor) -> Tensor:
    """Bool, of the shape of `roles`: whether the token is the assistant's, its end counted."""
    return (roles == RESPONSE_IDS[0]) | (roles == RESPONSE_IDS[1])


def is_prompt(roles: Tensor) -> Tensor:
    """Bool, of the shape of `roles`: whether the token is none of the assistant's, as filler is."""
    return ~is_response(roles) & (roles != ROLE_ID["thinking"])
