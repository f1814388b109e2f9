"""The ladder of base models: a table and a figure of loss against size, from the records of their
training.

    python -m analysis.bases docs/bases --figure docs/figures/bases.png

Prints the table in Markdown. Reads NAME.json and NAME.steps.jsonl (`harness.bases.pretrain`) and
NAME.assessed.json (`harness.bases.assess`), and fails where a larger base is not better than a
smaller one.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.plots.style import MARKERS, PALETTE, WIDE, panels, style


class Base(NamedTuple):
    """The records of one base.

    Attributes:
        name: its model config.
        trained: what `harness.bases.pretrain` wrote.
        assessed: what `harness.bases.assess` wrote.
        curve: tokens seen and held-out nats per token, along training.
    """

    name: str
    trained: dict[str, Any]
    assessed: dict[str, Any]
    curve: list[tuple[int, float]]

    @property
    def loss(self) -> float:
        """Held-out nats per token of the weights as they are loaded."""
        return float(self.assessed["held_out"]["nats_per_token"])


class LadderError(ValueError):
    """The records are missing or their losses do not fall: one line."""


def ladder(folder: Path) -> list[Base]:
    """All bases with records in a folder, the smallest first.

    Raises:
        LadderError: there are none, or a larger one has no lower loss.
    """
    bases = []
    for path in sorted(folder.glob("*.assessed.json")):
        name = path.name.removesuffix(".assessed.json")
        lines = (folder / f"{name}.steps.jsonl").read_text("utf-8").splitlines()
        steps = [json.loads(line) for line in lines]
        curve = [(step["tokens"], step["valid"]) for step in steps if "valid" in step]
        trained = json.loads((folder / f"{name}.json").read_text("utf-8"))
        bases.append(Base(name, trained, json.loads(path.read_text("utf-8")), curve))
    if not bases:
        raise LadderError(
            f"{folder}: no NAME.assessed.json, expected the records of at least one base"
        )
    bases.sort(key=lambda base: base.assessed["parameters"])
    for smaller, larger in pairwise(bases):
        if larger.loss >= smaller.loss:
            raise LadderError(
                f"{folder}: held-out loss of {larger.name} is {larger.loss:.4f}, "
                f"expected below {smaller.name}'s {smaller.loss:.4f}"
            )
    return bases


def markdown(bases: list[Base]) -> str:
    """The table, a row a base."""
    lines = [
        (
            "| | layers | width | parameters | tokens | held-out nats/token | bits/byte "
            "| last word [95 %] | largest score | GPU time |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for base in bases:
        shape, known = base.trained["config"]["model"], base.assessed["held_out"]
        right, asked = base.assessed["last_word"]["right"], base.assessed["last_word"]["passages"]
        low, high = wilson(right, asked)
        lines.append(
            f"| {base.name} | {shape['layers']} | {shape['width']} "
            f"| {base.assessed['parameters'] / 1e6:.2f}M "
            f"| {base.trained['tokens'] / 1e9:.2f} · 10⁹ "
            f"| {known['nats_per_token']:.3f} | {known['bits_per_byte']:.3f} "
            f"| {100 * right / asked:.1f} % [{100 * low:.1f}, {100 * high:.1f}] "
            f"| {base.assessed['largest_score']:.1f} "
            f"| {base.trained['seconds']:.0f} s |"
        )
    return "\n".join(lines)


def wilson(right: int, asked: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, JASA 22:209)."""
    z = 1.959964
    share, z2 = right / asked, z * z / asked
    centre = (share + z2 / 2) / (1 + z2)
    half = z / (1 + z2) * math.sqrt(share * (1 - share) / asked + z2 / (4 * asked))
    return centre - half, centre + half


def draw(bases: list[Base]) -> Figure:
    """Loss against size beside loss along training."""
    figure, ((left, right),) = panels(1, 2)
    sizes, losses = [base.assessed["parameters"] for base in bases], [base.loss for base in bases]
    left.plot(sizes, losses, color="#7F7F7F", zorder=1)
    for number, base in enumerate(bases):
        colour, marker = PALETTE[number + 1], MARKERS[number]
        left.plot(sizes[number], losses[number], marker, color=colour)
        left.annotate(
            base.name, (sizes[number], losses[number]), xytext=(5, 4), textcoords="offset points"
        )
        tokens, nats = zip(*base.curve, strict=True)
        right.plot([count / 1e9 for count in tokens], nats, color=colour)
        right.annotate(
            base.name,
            (tokens[-1] / 1e9, nats[-1]),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
        )
    left.set(xscale="log", xlabel="parameters", ylabel="held-out loss (nats/token)")
    left.xaxis.set_major_locator(FixedLocator(sizes))
    left.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size / 1e6:.0f}M"))
    left.xaxis.set_minor_locator(NullLocator())
    left.margins(x=0.15, y=0.12)
    right.set(xlabel="training tokens (10⁹)", ylabel="held-out loss (nats/token)")
    right.margins(x=0.15)
    return figure


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis.bases", description=__doc__)
    parser.add_argument("folder", type=Path, help="the records, NAME.json and so on")
    parser.add_argument("--figure", type=Path, help="PNG of loss against size")
    arguments = parser.parse_args()
    try:
        bases = ladder(arguments.folder)
        if arguments.figure:
            with style(WIDE):
                draw(bases).savefig(arguments.figure, metadata={"Software": None})
    except (LadderError, OSError) as error:
        sys.exit(f"analysis.bases: {error}")
    print(markdown(bases))


if __name__ == "__main__":
    main()
