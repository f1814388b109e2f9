"""Training, evaluation and answers of stacked runs: real tokens a second, by the size of the stack.

    python -m tests.benchmarks.stacks stacks=1,16,64 steps=40 out=stacks.json model=micro \
        data.size=large train.precision=bf16

Further arguments are the runs' own. Each stack holds runs of different seeds on the built-in data
or on `data.path`. Tokens are targets without filler or padding. `profile=FILE` writes a table of
the kernels of ten steps.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from harness.data.examples import plain_rows
from harness.engine.cells import cells_of
from harness.models import device
from harness.models.gpt import GPT, needs_no_grid
from harness.run.origin import shape
from harness.run.prepare import Prepared, prepare
from harness.run.warm import Warm
from harness.train.decoding import generate_all
from harness.train.evaluate import evaluate_all
from harness.train.learner import Learner
from harness.train.loop import Training
from tests.tiny import gpt_in, run_of

WARM_UP = 5
ANSWER_TOKENS = 64


def timed(work: Callable[[], object], chosen: torch.device) -> float:
    """Wall seconds of `work`, the device's part included."""
    if chosen.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if chosen.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def training_of(prepared: list[Prepared], chosen: torch.device) -> Training:
    """A training of these runs before its first step."""
    first = prepared[0].run
    alone = len(prepared) == 1 and chosen.type == "cpu"
    model = GPT(shape(gpt_in(first)), 0 if alone else len(prepared))
    learners = []
    for number, each in enumerate(prepared):
        model.put(number, each.base.tensors)
        micro = first.train.micro_tokens
        padded = not needs_no_grid(chosen, first.train.precision)
        lay_out = partial(each.lay_out, padded=padded)
        learners.append(Learner(each.run.train, lay_out, lambda _: None, lay_out(micro)))
    return Training(model.to(chosen), learners, first.train.micro_tokens)


def measure(overrides: list[str], count: int, steps: int, profile: str) -> dict[str, object]:
    """The figures of one stack."""
    runs = [run_of(*overrides, f"seed={seed}") for seed in range(count)]
    chosen = device.resolve(runs[0].launch.device)
    warm = Warm()
    began = time.perf_counter()
    prepared = [prepare(cell, warm, chosen) for cell in cells_of(runs)]
    seconds = {"prepare": time.perf_counter() - began}
    began = time.perf_counter()
    training = training_of(prepared, chosen)
    seconds["lay_out"] = time.perf_counter() - began
    for _ in range(WARM_UP):
        training.step()
    training.settle()
    before = sum(learner.totals.tokens for learner in training.learners)

    def some() -> None:
        for _ in range(steps):
            training.step()
        training.settle()

    spent = timed(some, chosen)
    tokens = sum(learner.totals.tokens for learner in training.learners) - before
    rows = [plain_rows(each.examples.test) for each in prepared]
    precision, batch = runs[0].train.precision, runs[0].score.batch_tokens
    model = training.model
    evaluate_all(model, rows, batch, precision)
    evaluated = sum(len(row.inputs) for own in rows for row in own)
    seconds["evaluate"] = timed(lambda: evaluate_all(model, rows, batch, precision), chosen)
    prompts = []
    for each in prepared:
        asked = each.examples.test[: each.run.score.responses]
        prompts.append([item.tokens.ids[: item.prompt].tolist() for item in asked])
    # An end that no token is: every answer then has its full length.
    ask = partial(generate_all, model, prompts, -1, ANSWER_TOKENS, 65_536, precision)
    ask()
    seconds["generate"] = timed(ask, chosen)
    answered = ANSWER_TOKENS * sum(map(len, prompts))
    if profile:
        _profile(training, profile)
    on_gpu = chosen.type == "cuda"
    return {
        "stack": count,
        "runs": overrides,
        "step_ms": 1000 * spent / steps,
        "tokens_per_second": tokens / spent,
        "evaluated_per_second": evaluated / seconds["evaluate"],
        "generated_per_second": answered / seconds["generate"],
        "seconds": seconds,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None,
        "device": torch.cuda.get_device_name(chosen) if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _profile(training: Training, path: str) -> None:
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        for _ in range(10):
            training.step()
        training.settle()
    table = recorded.key_averages().table(sort_by="self_cuda_time_total", row_limit=40)
    Path(path).write_text(table, encoding="utf-8")


def main() -> None:
    """The command line."""
    own = {"stacks": "1,4", "steps": "20", "out": "", "profile": ""}
    overrides = []
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key in own:
            own[key] = value
        else:
            overrides.append(argument)
    figures = []
    for count in map(int, own["stacks"].split(",")):
        figures.append(measure(overrides, count, int(own["steps"]), own["profile"]))
        print(json.dumps(figures[-1]), flush=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    if own["out"]:
        Path(own["out"]).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
