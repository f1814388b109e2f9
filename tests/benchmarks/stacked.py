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
H100 80GB HBM3, torch 2.11.0+cu130, bf16, {date}; each figure timed once, so that differences of
some per cent mean nothing. Real tokens a second of training; answers are of 64 tokens each. Where a
row is missing, that code was not measured on that work.

| trained | runs in the stack | code | commit | ms a step | real tokens/s | answers, tokens/s \
| memory, GiB |
|---|---:|---|---|---:|---:|---:|---:|
"""

MISSING = """
In steps of 16,384 tokens, padding still counted towards a micro-batch, so that most steps were two
micro-batches, which are launched kernel by kernel; it no longer counts, and this has not been
measured since.
"""

THOUSAND = """
### One command, a thousand runs: micro, 1,000 built-in examples

`{command}`

{runs:,} runs finished {last:.0f} s after the command began, the first ones after {first:.0f} s
(imports, planning, then a whole stack); {slope:.0f} ms a run in between, on one {device}. {note}
Summed over all runs, a run took {phases}; the three workers share the GPU, so that a run's phases
overlap with those of other stacks.

![Runs finished by time](figures/thousand_runs.png)
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


def thousand(kept: dict[str, Any]) -> str:
    """What a thousand runs took."""
    runs = kept["runs"]
    times = [run["finished"] for run in runs]
    means = {
        name: np.mean([run[name] for run in runs])
        for name in ("prepare", "train", "evaluate", "generate")
    }
    return THOUSAND.format(
        command=kept["command"],
        runs=len(runs),
        first=times[0],
        last=times[-1],
        slope=1000 * (times[-1] - times[0]) / len(runs),
        device=kept["device"],
        note=kept["note"],
        phases=", ".join(f"{value:.2f} s to {name}" for name, value in means.items()),
    )


def draw(kept: dict[str, Any], path: Path = FIGURE) -> None:
    """Runs finished against seconds."""
    times = [run["finished"] for run in kept["runs"]]
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    axes.step([0.0, *times], range(len(times) + 1), where="post", color="#0072B2")
    axes.set(
        xlabel="seconds from the command's start", ylabel="runs finished", xlim=(0, None),
        ylim=(0, None), title="1,000 runs of micro, 3 workers on one H100",
    )  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def section(folder: Path = KEPT) -> str:
    """The part of the page."""
    kept = json.loads((folder / "thousand_runs.json").read_text("utf-8"))
    return HEAD.format(date=kept["date"]).rstrip("\n") + "\n" + table() + MISSING + thousand(kept)


if __name__ == "__main__":
    draw(json.loads((KEPT / "thousand_runs.json").read_text("utf-8")))
