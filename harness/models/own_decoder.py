"""Answers of a model of transformers through its own key-value cache.

Prompts of unequal length end in the same column, as transformers' `generate` lays them out.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from harness.models.base import Prompts

if TYPE_CHECKING:
    from harness.models.own import OwnModel


class OwnDecoder:
    """Rows under way.

    Attributes:
        states: the final state of each prompt's last token, [R, D].
        in_place: a cache that grows is no memory that stays.
    """

    in_place = False

    def __init__(self, model: OwnModel, prompts: Prompts) -> None:
        """Run the prompts."""
        self._model = model
        rows, length = len(prompts.last), prompts.layout.length
        lengths = torch.zeros(rows, dtype=torch.int64, device=prompts.ids.device)
        lengths.index_add_(0, prompts.owner, torch.ones_like(prompts.owner))
        column = length - lengths[prompts.owner] + prompts.column
        ids = lengths.new_zeros(rows, length)
        positions, seen = torch.zeros_like(ids), torch.zeros_like(ids)
        ids[prompts.owner, column] = prompts.ids[prompts.real]
        positions[prompts.owner, column] = prompts.column
        seen[prompts.owner, column] = 1
        self._seen = seen
        # Models that count from the mask, as those of ALiBi, take no positions.
        self._counts = "position_ids" not in signature(model.body.forward).parameters
        self._cache: Any = None
        self.states: Tensor = self._feed(ids, positions)

    def step(self, ids: Tensor, positions: Tensor, bound: int) -> Tensor:  # noqa: ARG002  # as the protocol has it
        """Feed one token a row; arguments as in `harness.models.base.Decoder`."""
        self._seen = torch.cat([self._seen, self._seen.new_ones(len(ids), 1)], 1)
        return self._feed(ids[:, None], positions[:, None])

    def _feed(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Take in tokens [R, T]; the final states of the last ones [R, D]."""
        where = {} if self._counts else {"position_ids": positions}
        out = self._model.body(
            input_ids=ids,
            attention_mask=self._seen,
            past_key_values=self._cache,
            use_cache=True,
            **where,
        )
        self._cache = out.past_key_values
        states: Tensor = out.last_hidden_state[:, -1]
        return states

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._seen = self._seen[rows]
        self._cache.batch_select_indices(rows)
