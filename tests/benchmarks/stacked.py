"""What docs/performance.md says of stacks on a GPU, from the records in docs/results/stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from tests.benchmarks.measured import ROOT

mpl.use("agg")
import matplotlib.pyplot as plt

KEPT = ROOT / "docs" / "results" / "stacks"
FIGURE = ROOT / "docs" / "figures" / "thousand_runs.png"

CODE = {
    "before_graphs": "kernel by kernel",
    "with_graphs": "one CUDA graph a step",
    "with_loss_kernel": "and cross-entropy in one kernel",
    "with_steps_of_real_tokens": "and padding no part of a step's size",
}
"""Folder of records -> what the code did, in the order in which it was written."""

WORKS = {
    "micro_none.json": "micro, `none`, steps of 512 tokens a run",
    "micro_full.json": "micro, `full`, steps of 512 tokens a run",
    "gpt2_2048.json": "124M shape, `full`, Alpagasus, steps of 2,048 tokens",
    "gpt2_16384.json": "124M shape, `full`, Alpagasus, steps of 16,384 tokens",
}
"""File of records -> what was trained."""

HEAD = """
## Stacks on one GPU

Made from [the records](results/stacks), which `python -m tests.benchmarks.stacks` wrote: one NVIDIA
H100 80GB HBM3, torch 2.11.0+cu130, bf16, {date}; each figure timed once, so that
differences of some per cent mean nothing. Real tokens a second of training; answers are of 64
tokens each. Where a row is missing, that code was not measured on that work.

| trained | runs in the stack | code | commit | ms a step | real tokens/s | answers, tokens/s \
| memory, GiB |
|---|---:|---|---|---:|---:|---:|---:|
"""

FIRST = 10.0
"""Seconds after the first result within which the first stack of every worker has ended."""

COMMANDS = """
### One command, many runs: micro, 1,000 built-in examples, three passes

`{command}`

Three workers a GPU and 16 cores for each, with stacks of up to 64 runs. *A run* is the time from
the first stacks' end to the last's, by the runs of the other stacks. MPS is CUDA's
[server](https://docs.nvidia.com/deploy/mps/) that lets kernels of several processes run at once,
started before the command by `nvidia-cuda-mps-control -d`; without it the workers take turns.

| date | commit | GPUs | runs | MPS | first result | last result | a run | whole command |
|---|---|---|---:|---|---:|---:|---:|---:|
{rows}

{notes}

![Runs finished by time](figures/thousand_runs.png)

Where the {seconds:.0f} s on one H100 went:

| part | s |
|---|---:|
{spent}

Summed over its stacks and divided by its runs, a run took {phases}: three stacks share the GPU.
"""


SPREAD = """
### What bf16 does to one run

In fp32 and fp64 a stack's runs are those alone but for rounding (tests). In bf16 rounding grows
over the steps, so that the same run ends elsewhere: {what} (commit {commit},
[record](results/stacks/spread.json)). Of the {count} runs that are there in all three ways, this
far from the run alone, in nats/token:

| | standard deviation | largest |
|---|---:|---:|
| in a stack | {stacked_sd:.4f} | {stacked_most:.4f} |
| alone, in other micro-batches | {regrouped_sd:.4f} | {regrouped_most:.4f} |

A stack adds no more than another order of the same sums does.
"""


def table(folder: Path = KEPT) -> str:
    """Every record in a row."""
    text = ""
    for file, trained in WORKS.items():
        for name, code in CODE.items():
            path = folder / name / file
            for record in json.loads(path.read_text("utf-8")) if path.is_file() else []:
                cells = [
                    trained, str(record["stack"]), code, record["commit"],
                    f"{record['step_ms']:.1f}", f"{record['tokens_per_second']:,.0f}",
                    f"{record['generated_per_second']:,.0f}", f"{record['peak_gib']:.1f}",
                ]  # fmt: skip
                text += f"| {' | '.join(cells)} |\n"
    return text


def commands(kept: list[dict[str, Any]]) -> str:
    """What commands of many runs took, the latest last."""
    rows, notes = [], []
    for each in kept:
        times = [run["finished"] for run in each["runs"]]
        later = sum(time > times[0] + FIRST for time in times)
        whole = f"{each['command_seconds']:.0f} s" if each["command_seconds"] else "not ended"
        cells = [
            each["date"], each["commit"], cards(each), f"{len(times):,}", 
            "yes" if each["mps"] else "no",
            f"{times[0]:.0f} s", f"{times[-1]:.0f} s",
            f"{1000 * (times[-1] - times[0]) / later:.0f} ms", whole,
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
        notes.append(f"- {each['date']}, {len(times):,} runs on {cards(each)}: {each['note']}")
    latest = [each for each in kept if "spent" in each][-1]
    means = {
        name: np.mean([run[name] for run in latest["runs"]])
        for name in ("prepare", "train", "evaluate", "generate")
    }
    return COMMANDS.format(
        command=latest["command"],
        rows="\n".join(rows),
        notes="\n".join(notes),
        seconds=latest["command_seconds"],
        spent="\n".join(f"| {part} | {taken:.1f} |" for part, taken in latest["spent"].items()),
        phases=", ".join(f"{value:.2f} s to {name}" for name, value in means.items()),
    )


def spread(path: Path = KEPT / "spread.json") -> str:
    """How far bf16's rounding takes the same run, stacked, alone, and in other micro-batches."""
    kept = json.loads(path.read_text("utf-8"))
    runs = [run for run in kept["runs"] if run["regrouped"] is not None]
    alone = np.array([run["alone"] for run in runs])
    other = {
        name: alone - np.array([run[name] for run in runs]) for name in ("stacked", "regrouped")
    }
    figures = {
        f"{name}_{what}": value
        for name, gaps in other.items()
        for what, value in (("sd", gaps.std(ddof=1)), ("most", np.abs(gaps).max()))
    }
    return SPREAD.format(what=kept["what"], count=len(runs), commit=kept["commit"], **figures)


def cards(record: dict[str, Any]) -> str:
    """The GPUs of a command's record, as 4 × H200."""
    return f"{record.get('gpus', 1)} × {record['device'].split()[1]}"


def draw(kept: list[dict[str, Any]], path: Path = FIGURE) -> None:
    """Runs finished against seconds."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    shown = [each for each in kept if "model=micro" in each["command"]]
    colours = ("#999999", "#E69F00", "#0072B2", "#56B4E9", "#009E73", "#D55E00")
    for each, colour in zip(shown, colours, strict=True):
        times = [run["finished"] for run in each["runs"]]
        label = f"{cards(each)}, {each['date']}, {'MPS' if each['mps'] else 'no MPS'}"
        steps = range(len(times) + 1)
        axes.step([0.0, *times], steps, where="post", color=colour, label=label)
    axes.set(
        xlabel="seconds from the command's start", ylabel="runs finished", xlim=(0, None),
        ylim=(0, None), title="Runs of micro, three workers a GPU",
    )  # fmt: skip
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def kept_commands(folder: Path = KEPT) -> list[dict[str, Any]]:
    """The records of commands, the oldest first."""
    paths = sorted((folder / "commands").glob("*.json"))
    records = [json.loads(path.read_text("utf-8")) for path in paths]
    order = ("date", "device", "gpus")
    return sorted(
        records, key=lambda each: ([each.get(name, 1) for name in order], "spent" in each)
    )


def section() -> str:
    """The part of the page."""
    dates = sorted(
        record["date"]
        for path in KEPT.glob("with*/*.json")
        for record in json.loads(path.read_text())
    )
    period = f"{dates[0]} to {dates[-1]}"
    return (
        HEAD.format(date=period).rstrip("\n")
        + "\n"
        + table()
        + commands(kept_commands())
        + spread()
    )


if __name__ == "__main__":
    draw(kept_commands())
