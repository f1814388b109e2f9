"""Pretrain a base model on text shards.

`out` receives `model.safetensors` (bf16), `pretrain.json` (config and figures), `steps.jsonl` and,
while training lasts, `checkpoint.pt`, from which it goes on after an interruption.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from harness.bases import midway
from harness.bases.corpus import token_array
from harness.bases.steps import Task, evaluate, loss_function, optimizers, update
from harness.config.commands import Pretrain
from harness.config.models import Model
from harness.data.byte_pairs import BytePairs, gpt_tokenizer
from harness.models import device
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Shape
from harness.records.storage import write_json

LOG_EVERY = 50
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)
"""Of the progress bar."""


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


def texts(config: Pretrain, tokenizer: BytePairs) -> tuple[Tensor, Tensor]:
    """The ids of the corpus and of the held-out text, int32 [tokens] each.

    Raises:
        FileNotFoundError, ValueError: a shard cannot be read, or is shorter than one window.
    """
    if not config.corpus:
        raise ValueError("corpus=[]: expected at least one shard")
    cache = Path(config.out).parent / "tokens"
    shards = []
    with Console(stderr=True).status("") as shown:
        for shard in (*config.corpus, config.valid):
            shown.update(f"tokenising {escape(shard)}")
            shards.append(token_array(Path(shard), tokenizer, cache).astype(np.int32))
    train, valid = torch.from_numpy(np.concatenate(shards[:-1])), torch.from_numpy(shards[-1])
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
    try:
        train, held_out = texts(config, tokenizer)
    except (OSError, ValueError):
        if fresh:
            out.rmdir()
        raise
    torch.set_float32_matmul_precision("high")
    model = GPT(
        Shape(
            layers=config.model.layers, width=config.model.width, heads=config.model.heads,
            vocabulary=tokenizer.size, context=config.model.context,
        )
    )  # fmt: skip
    model.initialise(config.seed)
    model.to(where)
    loss = loss_function(model, config.compile, config.precision, config.model.context)
    optimisers = optimizers(model, config)
    task = Task(config, model, optimisers, loss, train.to(where), held_out.to(where))
    nats, seconds = _to_the_end(task)
    figures = _figures(task, nats, seconds)
    characters = len(tokenizer.encoding.decode_bytes(held_out.tolist()))
    figures["valid_bits_per_byte"] = nats * len(held_out) / characters / math.log(2)
    about = {"tokenizer": tokenizer.digest, "heads": model.shape.heads}
    checkpoint.save(model.of_run(0), out / "model.safetensors", torch.bfloat16, about)
    write_json(out / "pretrain.json", figures)
    (out / midway.CHECKPOINT).unlink(missing_ok=True)
    return figures


def _to_the_end(task: Task) -> tuple[float, float]:
    """Carry out the steps that are left; held-out nats per token, and the seconds of all steps."""
    config, steps, context = task.config, task.steps, task.config.model.context
    rows = config.micro_tokens // context
    done, seconds = midway.resume(task.out, task.model, task.optimisers, task.train.device)
    batches = windows(len(task.train), context, config.batch_tokens // context, config.seed)
    for _ in range(done):
        next(batches)
    nats = math.nan
    began = time.perf_counter()
    log_file = (task.out / midway.STEPS).open("a", encoding="utf-8")
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress, log_file as log:
        first = "compiling, " if config.compile else ""
        text = f"{config.model.name}: {first}first step"
        bar = progress.add_task(text, total=steps, completed=done)
        for step in range(done, steps):
            starts = torch.from_numpy(next(batches)).to(task.train.device, non_blocking=True)
            value = update(task, torch.split(starts, rows), step)
            count, last = step + 1, step + 1 == steps
            if count % LOG_EVERY == 0 or last:
                entry = {"step": count, "tokens": count * config.batch_tokens, "loss": float(value)}
                if count % config.evaluate_every == 0 or last:
                    entry["valid"] = nats = _held_out(task, rows)
                _check(entry, config)
                spent = time.perf_counter() - began
                log.write(json.dumps({**entry, "seconds": seconds + spent}) + "\n")
                log.flush()
                speed = spoken((count - done) * config.batch_tokens / spent)
                text = f"{config.model.name} loss {value:.3f} {speed}"
            elif step == done:
                text = config.model.name
            progress.update(bar, completed=count, description=text)
            if config.checkpoint_every and count % config.checkpoint_every == 0 and not last:
                spent = seconds + time.perf_counter() - began
                midway.save(task.out, task.model, task.optimisers, count, spent)
    return nats, seconds + time.perf_counter() - began


def spoken(speed: float) -> str:
    """Tokens a second in a unit that fits: of a GPU in millions, of a CPU one by one."""
    return f"{speed / 1e6:.2f}M tokens/s" if speed >= 1e5 else f"{speed:,.0f} tokens/s"


def _held_out(task: Task, rows: int) -> float:
    with device.precision(task.config.precision, task.valid.device):
        return evaluate(task.loss, task.valid, task.config.model.context, rows)


def _check(entry: Mapping[str, float], config: Pretrain) -> None:
    """Refuse to go on where a loss is no number any more.

    Raises:
        ValueError: it is none.
    """
    if not math.isfinite(entry["loss"] + entry.get("valid", 0.0)):
        raise ValueError(
            f"step {entry['step']}: the loss is no finite number any more, expected a lower "
            f"rate than lr={config.lr:g} or muon_lr={config.muon_lr:g}"
        )


def _figures(task: Task, nats: float, seconds: float) -> dict[str, object]:
    """What is kept of a pretraining, but for what its tokenizer tells."""
    config, shape, where = task.config, task.model.shape, task.train.device
    tokens = task.steps * config.batch_tokens
    speed, peak = tokens / seconds, device.peak(where)
    return {
        "config": asdict(config),
        "parameters": shape.parameters,
        "steps": task.steps,
        "tokens": tokens,
        "corpus_tokens": len(task.train),
        "passes": tokens / len(task.train),
        "valid_nats_per_token": nats,
        "seconds": seconds,
        "tokens_per_second": speed,
        "flops_per_token": shape.flops,
        "flops_utilisation": speed * shape.flops / peak if peak else None,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
    }
