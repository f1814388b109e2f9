"""Weights in the loss of a trainer of transformers or TRL, for masks that grade tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def weighted_trainer(trainer: type[Any]) -> type[Any]:
    """A trainer whose loss is Σ w·nll / Σ w over each optimiser step, in nats.

    Args:
        trainer: `trl.SFTTrainer`, or another of transformers that takes `input_ids` and `labels`.
            Its rows have `weights` too, as `harness.to_trl(…, graded=True)` makes them; packing is
            refused, since it would drop them.

    Returns:
        A subclass of it.
    """

    class Weighted(trainer):  # type: ignore[misc]  # mypy wants a base that it knows
        """The trainer with `weights` in its batches."""

        data_collator: Any
        _signature_columns: list[str] | None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if getattr(self.args, "packing", False) or getattr(self.args, "padding_free", False):
                raise ValueError("packing, padding_free: drop the weights, expected neither")
            collate = self.data_collator
            self.data_collator = lambda rows: _with_weights(collate(rows), rows)
            # What num_items_in_batch stands for is this trainer's own business.
            self.model_accepts_loss_kwargs = True

        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            columns = dict.fromkeys([*(self._signature_columns or ()), "weights"])
            self._signature_columns = list(columns)

        def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
            """The micro-batches of a step, and Σ w over all of them."""
            batches, _ = super().get_batch_samples(*args, **kwargs)
            return batches, _total(batches).to(self.args.device)

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """Σ w·nll of a micro-batch over Σ w of the step, or of itself in an evaluation."""
            outputs, loss = _loss(model, inputs, num_items_in_batch)
            return (loss, outputs) if return_outputs else loss

    Weighted.__name__ = f"Weighted{trainer.__name__}"
    return Weighted


def _with_weights(batch: Mapping[str, Tensor], rows: Sequence[Any]) -> dict[str, Tensor]:
    """A batch of B rows padded to T tokens with the weights of its rows beside them: [B, T]."""
    weights = torch.zeros(batch["labels"].shape, dtype=torch.float32)
    for number, row in enumerate(rows):
        own = torch.tensor(row["weights"])[: len(row["input_ids"])]  # where it was cut
        weights[number, : len(own)] = own
    return {**batch, "weights": weights}


def _total(batches: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """Σ w of the targets of all micro-batches: a scalar."""
    return torch.as_tensor(sum(batch["weights"][:, 1:].sum() for batch in batches))


def _loss(model: Any, inputs: Mapping[str, Tensor], total: Tensor | None) -> tuple[Any, Tensor]:
    """What the model gives out, and Σ w·nll over `total`, or over the batch's own Σ w; a scalar."""
    named = {key: value for key, value in inputs.items() if key not in ("labels", "weights")}
    outputs = model(**named)
    weights = inputs["weights"][:, 1:].reshape(-1)
    logits = outputs.logits[:, :-1].reshape(-1, outputs.logits.shape[-1])
    targets = inputs["input_ids"][:, 1:].reshape(-1)
    nats = cross_entropy(logits.float(), targets, reduction="none")
    return outputs, (weights * nats).sum() / (weights.sum() if total is None else total)
