"""Weights in the loss of a trainer of transformers or TRL, for masks that grade tokens."""

from __future__ import annotations

from typing import Any


def weighted_trainer(trainer: type[Any]) -> type[Any]:
    """A trainer whose loss is Σ w·nll / Σ w over each optimiser step, in nats.

    Args:
        trainer: `trl.SFTTrainer`, or another of transformers that takes `input_ids` and `labels`.
            Its rows have `weights` too, as `harness.to_trl(…, graded=True)` makes them; packing is
            refused, since it would drop them.

    Returns:
        A subclass of it.
    """
    import torch
    from torch.nn.functional import cross_entropy

    class Weighted(trainer):  # type: ignore[misc]
        """The trainer with `weights` in its batches."""

        data_collator: Any
        _signature_columns: list[str] | None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if getattr(self.args, "packing", False) or getattr(self.args, "padding_free", False):
                raise ValueError("packing, padding_free: drop the weights, expected neither")
            self._collate_labels = self.data_collator
            self.data_collator = self._collate
            # What num_items_in_batch stands for is this trainer's own business.
            self.model_accepts_loss_kwargs = True

        def _collate(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
            batch = dict(self._collate_labels(rows))
            weights = torch.zeros(batch["labels"].shape, dtype=torch.float32)
            for number, row in enumerate(rows):
                own = torch.tensor(row["weights"])[: len(row["input_ids"])]  # where it was cut
                weights[number, : len(own)] = own
            return {**batch, "weights": weights}

        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            columns = self._signature_columns or []
            if "weights" not in columns:
                self._signature_columns = [*columns, "weights"]

        def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
            """The micro-batches of a step, and Σ w over all of them."""
            batches, _ = super().get_batch_samples(*args, **kwargs)
            total = sum(batch["weights"][:, 1:].sum() for batch in batches)
            return batches, torch.as_tensor(total).to(self.args.device)

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """Σ w·nll of a micro-batch over Σ w of the step, or of itself in an evaluation."""
            named = {
                key: value for key, value in inputs.items() if key not in ("labels", "weights")
            }
            outputs = model(**named)
            weights = inputs["weights"][:, 1:].reshape(-1)
            logits = outputs.logits[:, :-1].reshape(-1, outputs.logits.shape[-1])
            nats = cross_entropy(
                logits.float(), inputs["input_ids"][:, 1:].reshape(-1), reduction="none"
            )
            total = weights.sum() if num_items_in_batch is None else num_items_in_batch
            loss = (weights * nats).sum() / total
            return (loss, outputs) if return_outputs else loss

    Weighted.__name__ = f"Weighted{trainer.__name__}"
    return Weighted
