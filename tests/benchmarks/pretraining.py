"""How fast bases train, against the arithmetic floor: tokens per second and model FLOPs
utilisation.

    python -m tests.benchmarks.pretraining [--out FILE] [MODEL ...]

Random tokens, the recipe's batch and optimiser. Models compile side by side and are then timed one
at a time.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from harness.bases.steps import Task, loss_function, optimizers, update
from harness.config.commands import Pretrain
from harness.config.compose import command_config
from harness.config.models import Model
from harness.data.tokens import tokenizer_of
from harness.models import device
from harness.models.gpt import GPT, Shape

STEPS = 20


def measure(name: str, overrides: list[str], lock: Path) -> dict[str, object]:
    """Time `STEPS` optimiser steps of the model called `name`, once the lock is had."""
    config = command_config(
        "pretrain", Pretrain, [f"model={name}", "corpus=[]", "valid=x", "out=x", *overrides]
    )
    assert isinstance(config.model, Model)
    where = device.resolve("auto")
    torch.set_float32_matmul_precision("high")
    shape = Shape(
        layers=config.model.layers, width=config.model.width, heads=config.model.heads,
        vocabulary=tokenizer_of(config.model).size, context=config.model.context,
    )  # fmt: skip
    model = GPT(shape)
    model.initialise(0)
    model.to(where)
    optimisers = optimizers(model, config)
    loss = loss_function(model, config.compile, config.precision, shape.context)
    data = torch.randint(shape.vocabulary, (2_000_000,), dtype=torch.int32, device=where)
    starts = torch.arange(config.batch_tokens // shape.context, device=where) * shape.context
    unending = replace(config, tokens=1_000_000 * config.batch_tokens)
    task = Task(unending, model, optimisers, loss, data, data)
    micro = torch.split(starts, config.micro_tokens // shape.context)

    def steps(count: int) -> float:
        began = time.perf_counter()
        for step in range(count):
            value = update(task, micro, step)
        float(value)
        return time.perf_counter() - began

    steps(3)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        steps(5)
        seconds = steps(STEPS) / STEPS
    speed, peak = config.batch_tokens / seconds, device.peak(where)
    return {
        "model": name,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "batch_tokens": config.batch_tokens,
        "micro_tokens": config.micro_tokens,
        "optimizer": config.optimizer,
        "milliseconds_per_step": 1000 * seconds,
        "tokens_per_second": speed,
        "flops_per_token": shape.flops,
        "flops_utilisation": speed * shape.flops / peak if peak else None,
        "memory_gb": torch.cuda.max_memory_allocated() / 1e9 if where.type == "cuda" else None,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.pretraining", description=__doc__
    )
    parser.add_argument("models", nargs="*", default=["nano", "micro", "mini"])
    parser.add_argument("--out", type=Path, help="JSON lines are added to this file")
    parser.add_argument(
        "--set", action="append", default=[], help="an override, as micro_tokens=65536"
    )
    parser.add_argument(
        "--lock", type=Path, help=argparse.SUPPRESS
    )  # one model, in a process of its own
    arguments = parser.parse_args()
    if arguments.lock:
        print(json.dumps(measure(arguments.models[0], arguments.set, arguments.lock)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.pretraining", "--lock", f"{folder}/lock"]
        command += [part for override in arguments.set for part in ("--set", override)]
        processes = [
            subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True)
            for name in arguments.models
        ]
        lines = [process.communicate()[0] for process in processes]
    print("".join(lines), end="")
    if arguments.out:
        with arguments.out.open("a") as file:
            file.writelines(lines)


if __name__ == "__main__":
    main()
