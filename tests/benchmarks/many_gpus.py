"""What all GPUs of a machine are worth beside one: a sweep of stacked runs, and one large run.

    python -m tests.benchmarks.many_gpus runs=128 steps=40 out=many_gpus.json

`sweep`: the whole command for `runs` micro runs, on the first GPU and on all. `large`: one run of
GPT-2 XL's shape with random weights (and our tokenizer, 1.49 billion parameters) for `steps` steps
of 16,384 tokens, with gpus=1 and gpus=N; the same micro-batches of at most 4,096 tokens in both.
`parts=sweep` or `parts=large` does one of them. `sweep:KEY=VALUE` and `large:KEY=VALUE` go to the
runs of one part, other arguments to all runs. Without a GPU, at toy size:

    python -m tests.benchmarks.many_gpus device=cpu gpus=2 runs=4 steps=4 sweep:data.size=30 \\
        model=nano large:train.batch_tokens=512 train.precision=fp32
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.records import RESULT, STEPS, Result, StepRecord
from harness.records.storage import read_json, read_jsonl
from tests.benchmarks.runs import ROOT, phases

WARM_UP = 5
"""Steps of the large run that are not counted."""

STEPS_PER_PASS = 3
"""Of the large run: 1,000 built-in examples hold about three times 16,384 tokens."""

SWEEP = ("model=micro", "data.size=1000", "train.epochs=3", "train.precision=bf16")
LARGE = (
    "model=gpt2-xl", "model.tokenizer=bpe8k", "model.weights=random", "mask=full",
    "data.size=1000", "data.test=16", "data.test_families=0", "train.lr=2e-5",
    "train.batch_tokens=16384", "train.micro_tokens=4096", "train.precision=bf16",
    "score.every=0", "score.responses=0", "score.train_examples=16", "checkpoint_seconds=0",
)  # fmt: skip


@dataclass(kw_only=True)
class Asked:
    """What the command line asks for.

    Attributes:
        gpus: all GPUs, or processes with device=cpu.
        sweep, large: arguments of the runs of each part.
    """

    parts: str = "sweep,large"
    runs: int = 128
    steps: int = 40
    device: str = "cuda"
    gpus: int = 0
    out: str = "many_gpus.json"
    sweep: tuple[str, ...] = SWEEP
    large: tuple[str, ...] = LARGE


def asked(arguments: list[str]) -> Asked:
    """Of `KEY=VALUE` arguments."""
    given = Asked()
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in ("parts", "device", "out"):
            setattr(given, key, value)
        elif key in ("runs", "steps", "gpus"):
            setattr(given, key, int(value))
        else:
            part, _, told = argument.rpartition(":")
            if part in ("", "sweep"):
                given.sweep += (told,)
            if part in ("", "large"):
                given.large += (told,)
    given.gpus = given.gpus or torch.cuda.device_count()
    return given


def carried_out(
    folder: Path, count: int, arguments: list[str], gpus: str | None
) -> dict[str, float]:
    """Wall seconds of a command that carries out `count` runs, by `tests.benchmarks.runs.phases`.

    Raises:
        SystemExit: not all runs finished; what the command said goes before.
    """
    command = [sys.executable, "-m", "harness", "-m", *arguments, f"runs={folder.parent}"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus
    began = time.time()
    done = subprocess.run(
        [*command, f"sweep={folder.name}"], capture_output=True, text=True, env=environment
    )
    ended = time.time()
    results = list(folder.glob(f"*/{RESULT}"))
    if done.returncode or len(results) != count:
        logs = "".join(
            path.read_text("utf-8")[-2000:] for path in list(folder.glob("*/log.txt"))[:2]
        )
        sys.exit(
            f"{done.stdout[-2000:]}{done.stderr[-2000:]}{logs}\n{len(results)} of {count} runs"
        )
    return phases(began, ended, results)


def sweep(given: Asked, place: Path) -> dict[str, Any]:
    """The same runs on one GPU and on all; seconds, and what the rest of the GPUs is worth."""
    on_cpu = given.device == "cpu"
    told = [f"device={given.device}", "mask=full,none", *given.sweep]
    visible = None if on_cpu else ",".join(map(str, range(given.gpus)))
    warm = [*told, "seed=0", "data.size=30"]
    carried_out(place / "warm", 2, warm, visible)  # files into the kernel's cache, Triton's kernels
    figures: dict[str, Any] = {
        "runs": given.runs,
        "arguments": told,
        "seconds": {},
        "phases": {},
        "stacks": {},
    }
    told.append(f"seed=range({given.runs // 2})")
    for gpus in (1, given.gpus):
        slots = [f"hydra.launcher.slots={gpus}"] if on_cpu else []
        visible = None if on_cpu else ",".join(map(str, range(gpus)))
        folder = place / f"on{gpus}"
        figures["seconds"][gpus] = carried_out(folder, given.runs, [*told, *slots], visible)
        results = [read_json(path, Result) for path in folder.glob(f"*/{RESULT}")]
        figures["phases"][gpus] = {
            name: sum(result.seconds[name] for result in results) for name in results[0].seconds
        }
        figures["stacks"][gpus] = sorted({result.provenance["stack"] for result in results})
        print(f"sweep on {gpus}: {figures['seconds'][gpus]}", flush=True)
    for key in ("runs", "whole"):
        speed_up = figures["seconds"][1][key] / figures["seconds"][given.gpus][key]
        name = "command" if key == "whole" else key
        figures[name + "_speed_up"] = speed_up
        figures[name + "_of_linear"] = speed_up / given.gpus
    return figures


def large(given: Asked, place: Path) -> dict[str, Any]:
    """One run with one GPU and with all: tokens a second and losses."""
    passes = max(1, round(given.steps / STEPS_PER_PASS))
    told = [f"device={given.device}", f"train.epochs={passes}", *given.large]
    figures: dict[str, Any] = {"arguments": told, "by_gpus": {}}
    losses = []
    for gpus in (1, given.gpus):
        folder = place / f"large{gpus}"
        seconds = carried_out(folder, 1, [*told, f"gpus={gpus}", "hydra.launcher.slots=1"], None)
        (path,) = folder.glob(f"*/{RESULT}")
        result = read_json(path, Result)
        steps = list(read_jsonl(path.parent / STEPS, StepRecord))
        counted = steps[WARM_UP:] or steps
        rate = sum(step.tokens for step in counted) / sum(step.seconds for step in counted)
        losses.append([step.loss for step in steps])
        figures["by_gpus"][gpus] = {
            "tokens_per_second": rate,
            "tokens_per_second_per_gpu": rate / gpus,
            "whole_training_per_second": result.tokens["train"] / result.seconds["train"],
            "steps": len(steps),
            "seconds": seconds,
            "phases": result.seconds,
        }
        print(f"large on {gpus}: {figures['by_gpus'][gpus]}", flush=True)
    figures["losses"] = [list(pair) for pair in zip(*losses, strict=True)]
    figures["largest_difference"] = max(abs(one - other) for one, other in figures["losses"])
    rates = [figures["by_gpus"][gpus]["tokens_per_second"] for gpus in (1, given.gpus)]
    figures["of_linear"] = rates[1] / rates[0] / given.gpus
    return figures


def main() -> None:
    """The command line."""
    given = asked(sys.argv[1:])
    if given.gpus < 2 or given.runs % 2:
        sys.exit(f"gpus={given.gpus} runs={given.runs}: expected 2 or more, and an even number")
    names = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    content: dict[str, Any] = {
        "gpus": names,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        for name, measure in (("large", large), ("sweep", sweep)):
            if name in given.parts.split(","):
                content[name] = measure(given, Path(place))
                Path(given.out).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
                print(f"{name}: done after {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
