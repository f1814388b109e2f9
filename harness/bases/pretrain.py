"""Pretrain a base model on text shards.

`out` receives `model.safetensors` (bf16), `pretrain.json` (config and figures), `steps.jsonl` and,
while training lasts, `checkpoint.pt`, from which it goes on after an interruption.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional

from harness.bases import midway
from harness.bases.corpus import token_array
from harness.bases.muon import Muon
from harness.config.commands import Pretrain
from harness.config.models import Model
from harness.data.byte_pairs import BytePairs, gpt_tokenizer
from harness.models import device
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Layout, Shape
from harness.records.storage import write_json

LOG_EVERY = 50
LR_WIDTH = 128
"""The width, nano's, at which the configured rates hold; they fall with the square root of the
width.
"""


def windows(tokens: int, context: int, rows: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches of window starts: [rows] each, every window of a pass once, shuffled anew
    each pass.

    The cut points move from pass to pass, so that repeated text is seen in other contexts.
    """
    left = np.empty(0, np.int64)
    epoch = 0
    while True:
        while len(left) < rows:
            rng = np.random.default_rng([seed, epoch])
            offset = int(rng.integers(0, context))
            starts = np.arange(offset, tokens - context - 1, context)
            left = np.concatenate([left, rng.permutation(starts)])
            epoch += 1
        yield left[:rows]
        left = left[rows:]


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


Loss = Callable[[Tensor, Tensor], Tensor]


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


def texts(config: Pretrain, tokenizer: BytePairs) -> tuple[Tensor, Tensor]:
    """The ids of the corpus and of the held-out text, int32 [tokens] each.

    Raises:
        FileNotFoundError, ValueError: a shard cannot be read, or is shorter than one window.
    """
    if not config.corpus:
        raise ValueError("corpus=[]: expected at least one shard")
    cache = Path(config.out).parent / "tokens"
    shards = [token_array(Path(shard), tokenizer, cache) for shard in config.corpus]
    train = torch.from_numpy(np.concatenate(shards).astype(np.int32))
    valid = torch.from_numpy(token_array(Path(config.valid), tokenizer, cache).astype(np.int32))
    least = config.model.context + 2
    for key, name, ids in (
        ("corpus", ", ".join(config.corpus), train),
        ("valid", config.valid, valid),
    ):
        if len(ids) < least:
            raise ValueError(f"{key}={name}: {len(ids)} tokens, expected {least} or more")
    return train, valid


def pretrain(config: Pretrain) -> dict[str, object]:
    """Train to the end, continuing from `out/checkpoint.pt` where there is one; return the figures.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: the device is not present, a text is shorter than one window, the checkpoint is
            damaged, or the loss is no number any more.
    """
    where = device.resolve(config.device)
    out = Path(config.out)
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)  # said before the texts are read, not after
    assert isinstance(config.model, Model)  # as the command line has been checked
    tokenizer = gpt_tokenizer(config.model)
    context = config.model.context
    try:
        train, held_out = texts(config, tokenizer)
    except (OSError, ValueError):
        if fresh:
            out.rmdir()
        raise
    valid = held_out.to(where)
    train = train.to(where)

    torch.set_float32_matmul_precision("high")
    shape = Shape(
        layers=config.model.layers, width=config.model.width, heads=config.model.heads,
        vocabulary=tokenizer.size, context=context,
    )  # fmt: skip
    model = GPT(shape)
    model.initialise(config.seed)
    model.to(where)
    optimisers = optimizers(model, config)
    loss = loss_function(model, config.compile, config.precision, context)
    steps = math.ceil(config.tokens / config.batch_tokens)
    rows = config.micro_tokens // context
    done, seconds = midway.resume(out, model, optimisers, where)
    batches = windows(len(train), context, config.batch_tokens // context, config.seed)
    for _ in range(done):
        next(batches)

    nats = math.nan
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, (out / midway.STEPS).open("a", encoding="utf-8") as log:
        bar = progress.add_task(config.model.name, total=steps, completed=done)
        began = time.perf_counter()
        for step in range(done, steps):
            starts = torch.from_numpy(next(batches)).to(where, non_blocking=True)
            value = update(
                model, optimisers, loss, train, torch.split(starts, rows), config, step, steps
            )
            last = step + 1 == steps
            if (step + 1) % LOG_EVERY == 0 or last:
                spent = seconds + time.perf_counter() - began
                entry = {
                    "step": step + 1,
                    "tokens": (step + 1) * config.batch_tokens,
                    "loss": float(value),
                }
                if (step + 1) % config.evaluate_every == 0 or last:
                    with device.precision(config.precision, where):
                        entry["valid"] = nats = evaluate(loss, valid, context, rows)
                if not math.isfinite(entry["loss"] + entry.get("valid", 0.0)):
                    raise ValueError(
                        f"step {step + 1}: the loss is no finite number any more, expected a lower "
                        f"rate than lr={config.lr:g} or muon_lr={config.muon_lr:g}"
                    )
                log.write(json.dumps({**entry, "seconds": spent}) + "\n")
                log.flush()
                speed = (step + 1 - done) * config.batch_tokens / (time.perf_counter() - began)
                text = f"{config.model.name} loss {value:.3f} {speed / 1e6:.2f}M tokens/s"
                progress.update(bar, completed=step + 1, description=text)
            if config.checkpoint_every and (step + 1) % config.checkpoint_every == 0 and not last:
                midway.save(out, model, optimisers, step + 1, seconds + time.perf_counter() - began)
        seconds += time.perf_counter() - began
    characters = len(tokenizer.encoding.decode_bytes(held_out.tolist()))
    speed, peak = steps * config.batch_tokens / seconds, device.peak(where)
    figures = {
        "config": asdict(config),
        "parameters": shape.parameters,
        "steps": steps,
        "tokens": steps * config.batch_tokens,
        "corpus_tokens": len(train),
        "passes": steps * config.batch_tokens / len(train),
        "valid_nats_per_token": nats,
        "valid_bits_per_byte": nats * len(held_out) / characters / math.log(2),
        "seconds": seconds,
        "tokens_per_second": speed,
        "flops_per_token": shape.flops,
        "flops_utilisation": speed * shape.flops / peak if peak else None,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
    }
    about = {"tokenizer": tokenizer.digest, "heads": shape.heads}
    checkpoint.save(model.of_run(0), out / "model.safetensors", torch.bfloat16, about)
    write_json(out / "pretrain.json", figures)
    (out / midway.CHECKPOINT).unlink(missing_ok=True)
    return figures


def update(
    model: GPT,
    optimisers: list[torch.optim.Optimizer],
    loss: Loss,
    data: Tensor,
    micro: tuple[Tensor, ...],
    config: Pretrain,
    step: int,
    steps: int,
) -> Tensor:
    """One optimiser step; returns its mean loss, not yet waited for."""
    total = torch.zeros((), device=data.device)
    for starts in micro:
        with device.precision(config.precision, data.device):
            part = loss(*gather(data, starts, config.model.context)) / len(
                micro
            )  # micro-batches are equal in size
        part.backward()
        total += part.detach()
    if config.clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    factor = rate(step, steps, config.warmup_steps, config.decay)
    for optimizer in optimisers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total
