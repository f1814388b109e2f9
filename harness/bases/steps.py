"""A step of a pretraining: the loss, the optimisers, the rate, and the loss on held-out text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from harness.bases import qk_clip
from harness.bases.muon import Muon
from harness.config.commands import Pretrain
from harness.models import device
from harness.models.gpt import GPT, Layout

LR_WIDTH = 128
"""The width, nano's, at which the configured rates hold; they fall with the square root of the
width.
"""


Loss = Callable[[Tensor, Tensor], Tensor]


class Task(NamedTuple):
    """What a pretraining works on.

    Attributes:
        config: its settings.
        model: on its device.
        optimisers: of all its parameters.
        loss: of a batch.
        train: ids of the corpus, int32 [tokens], on the device.
        valid: ids of the held-out text, int32 [tokens], on the device.
    """

    config: Pretrain
    model: GPT
    optimisers: list[torch.optim.Optimizer]
    loss: Loss
    train: Tensor
    valid: Tensor

    @property
    def out(self) -> Path:
        """The folder that receives the base."""
        return Path(self.config.out)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return math.ceil(self.config.tokens / self.config.batch_tokens)


def rate(step: int, steps: int, warmup: int, decay: float) -> float:
    """Warm-up, stable, linear decay: the factor on the learning rate at `step` (from 0) of
    `steps`.
    """
    falling = decay * steps
    return min(1.0, (step + 1) / max(1, warmup), (steps - step) / max(1.0, falling))


def optimizers(model: GPT, config: Pretrain) -> list[torch.optim.Optimizer]:
    """AdamW alone, or Muon for the blocks' matrices and AdamW for embeddings, norms and biases."""
    narrower = math.sqrt(LR_WIDTH / model.shape.width)
    matrices = [p for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2]
    embeddings = [
        p for n, p in model.named_parameters() if not n.startswith("blocks.") and p.ndim == 2
    ]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    adamw = [
        {"params": embeddings, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    muon: list[torch.optim.Optimizer] = []
    if config.optimizer == "muon":
        muon.append(Muon(matrices, lr=config.muon_lr * narrower, weight_decay=config.weight_decay))
    else:
        adamw.append({"params": matrices, "weight_decay": config.weight_decay})
    fused = torch.optim.AdamW(adamw, lr=config.lr * narrower, betas=(0.9, 0.95), fused=True)
    for optimizer in [*muon, fused]:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [*muon, fused]


def loss_function(model: GPT, compiled: bool, precision: str, context: int) -> Loss:
    """The mean next-token loss of ids and targets, int64 [rows, context] each.

    With bf16 the residual stream is bf16 too: it is what the blocks read and write most.
    """
    stream = torch.bfloat16 if precision == "bf16" else torch.float32

    def loss(ids: Tensor, targets: Tensor) -> Tensor:
        layout = Layout(ids.shape[0], context)
        hidden = model.trunk(model.embed(ids.flatten(), layout).to(stream), layout)
        return functional.cross_entropy(
            functional.linear(hidden, model.head).float(), targets.flatten()
        )

    return torch.compile(loss) if compiled else loss


@torch.no_grad()
def evaluate(loss: Loss, data: Tensor, context: int, rows: int) -> float:
    """Mean nats per token over the whole windows of `data`; full batches of `rows` alone, so that
    shapes stay.
    """
    starts = torch.arange(0, len(data) - context - 1, context, device=data.device)
    batches = (
        starts[: len(starts) // rows * rows].view(-1, rows) if len(starts) >= rows else starts[None]
    )
    return float(torch.stack([loss(*gather(data, batch, context)) for batch in batches]).mean())


def gather(data: Tensor, starts: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """Ids and targets, int64 [rows, context] each, of the windows that begin at `starts`."""
    block = data[starts[:, None] + torch.arange(context + 1, device=data.device)].long()
    return block[:, :-1], block[:, 1:]


def update(task: Task, micro: Sequence[Tensor], step: int) -> Tensor:
    """One optimiser step; returns its mean loss, not yet waited for.

    Args:
        task: model, data and optimisers.
        micro: starts of windows, int64 [rows], equally many in each micro-batch.
        step: its number, from 0.
    """
    config, data = task.config, task.train
    total = torch.zeros((), device=data.device)
    for starts in micro:
        with device.precision(config.precision, data.device):
            part = task.loss(*gather(data, starts, config.model.context)) / len(micro)
        part.backward()
        total += part.detach()
    if config.clip:
        torch.nn.utils.clip_grad_norm_(task.model.parameters(), config.clip)
    factor = rate(step, task.steps, config.warmup_steps, config.decay)
    for optimizer in task.optimisers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if config.qk_clip and (step + 1) % qk_clip.EVERY == 0:
        ids, _ = gather(data, micro[0][: qk_clip.WINDOWS], config.model.context)
        with device.precision(config.precision, data.device):
            largest = qk_clip.largest_scores(task.model, ids)
        qk_clip.clip(task.model, largest, config.qk_clip)
    return total
