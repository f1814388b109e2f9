"""Makes docs/performance.md from the kept records: `python -m tests.benchmarks.performance`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.records.storage import read_json
from tests.benchmarks import stacked
from tests.benchmarks.measured import ROOT, Floor, Measurement, Records, Sweep, Taken

KEPT = ROOT / "docs" / "results" / "performance"
PAGE = ROOT / "docs" / "performance.md"

HEAD = """# Performance

Made from the records below `docs/results` by `python -m tests.benchmarks.performance`; nothing
here is written by hand. `make bench` measures anew on this machine's CPU, in about 12 minutes on 2
cores; `python -m tests.benchmarks.gpu` does on a GPU.

All peers load the same base, train on the same token ids with the loss on the responses, for as
many passes, with AdamW under the same schedule, and answer the same questions, each in a process of
its own. The held-out loss (nats per response token, over the same examples) shows that the work is
equal. Real tokens are those of examples; padding counts for nothing. *Start* is all that is neither
training, evaluation nor answers: imports, set-up and, for ours, planning, records, table and
report.
"""

NONE = "\nThe peers have not been measured yet.\n"

WORKS = {
    "micro": "micro, 1,000 built-in examples",
    "nano": "nano, 100 built-in examples",
    "gpt2": "the 124M shape with random weights, 5,191 records as short as Alpagasus'",
    "toy": "a rehearsal, which measures nothing",
}
"""Kind of work -> what it is."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first stand right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def number(value: float) -> str:
    """Three significant digits, thousands with commas."""
    if value >= 1000:
        digits = len(str(round(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def floor_seconds(flops: float, moved: float, precision: str, floor: Floor) -> float:
    """Seconds that arithmetic and memory traffic take at the machine's measured rates."""
    return flops / floor.matmul[precision] + moved / floor.bandwidth


def floor_of(records: Records, threads: int) -> Floor | None:
    """The floor measured with so many threads."""
    found = [floor for floor in records.floors if floor.threads == threads]
    return found[0] if found else None


def training(found: Sequence[Measurement], floor: Floor | None) -> str:
    """The table of trainings of one work."""
    first = next((m for m in found if m.peer == "ours"), found[0])
    rows = []
    for m in found:
        took = m.seconds["train"]
        measured = sum(m.seconds.get(name, 0.0) for name in ("train", "evaluate", "answers"))
        share = "-"
        if floor:
            share = f"{100 * floor_seconds(m.flops, m.bytes, m.precision, floor) / took:.0f} %"
        grid = m.tokens["train"] + m.tokens["padding"]
        rows.append([
            m.peer, m.precision, m.batch, str(m.epochs), number(m.seconds["whole"]),
            number(m.seconds["whole"] - measured), number(took), number(m.tokens["train"] / took),
            speed(m, first), share, f"{100 * m.tokens['padding'] / grid:.0f} %",
            number(m.seconds["answers"]), str(m.tokens["answers"]),
            "-" if m.loss is None else f"{m.loss:.3f}",
        ])  # fmt: skip
    head = ["", "precision", "a step", "epochs", "whole process, s", "start, s", "training, s",
            "real tokens/s", "ours is faster by", "share of the floor", "padding", "answers, s",
            "tokens", "held-out loss"]  # fmt: skip
    return table(head, rows)


def speed(other: Measurement, first: Measurement) -> str:
    """How many times as many real tokens a second `first` trains on."""
    rates = [m.tokens["train"] / m.seconds["train"] for m in (first, other)]
    return "-" if other is first else f"{rates[0] / rates[1]:.1f}×"


def answering(found: Sequence[Measurement]) -> str:
    """The table of answers of one length."""
    rows = [
        [
            m.peer,
            m.precision,
            f"{m.tokens['answers']:,}",
            number(m.seconds["answers"]),
            number(m.tokens["answers"] / m.seconds["answers"]),
        ]
        for m in found
    ]
    return table(["", "precision", "tokens", "seconds", "tokens/s"], rows)


def floors(found: Sequence[Floor]) -> str:
    """The table of what the machine can do."""
    rows = [
        [
            f"{floor.threads} threads",
            number(floor.matmul["fp32"] / 1e9),
            number(floor.matmul["bf16"] / 1e9),
            number(floor.bandwidth / 1e9),
        ]
        for floor in found
    ]
    return table(["", "fp32, GFLOP/s", "bf16, GFLOP/s", "memory, GB/s"], rows)


def line(runs: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Least squares of seconds = a + b·runs: a, b, and the largest miss in seconds."""
    slope, start = np.polyfit(runs, seconds, 1)
    missed = np.abs(np.asarray(seconds) - start - slope * np.asarray(runs)).max()
    return float(start), float(slope), float(missed)


def sweeps(found: Sequence[Sweep], floor: Floor | None) -> str:
    """What commands of many runs of one work took, and the line through them."""
    rows = []
    for s in sorted(found, key=lambda s: s.runs):
        share = "-"
        if floor:
            least = floor_seconds(s.flops, s.bytes, "bf16", floor)
            share = f"{100 * least / s.seconds['whole']:.0f} %"
        cells = [s.seconds[name] for name in ("whole", "start", "runs", "report")]
        rows.append([f"{s.runs:,}", *map(number, cells), share])
    text = table(["runs", "command, s", "start", "runs", "report", "share of the bf16 floor"], rows)
    if len(found) > 1:
        start, slope, missed = line([s.runs for s in found], [s.seconds["whole"] for s in found])
        text += (
            f"\nThe line through them: {start:.1f} s + {1000 * slope:.1f} ms a run, "
            f"no point further off than {missed:.1f} s.\n"
        )
    return text


def said(taken: Sequence[Taken]) -> str:
    """Dates, commits and versions of several records, each once."""
    dates = sorted({t.date for t in taken})
    commits = sorted({t.commit for t in taken if t.commit})
    versions = sorted({f"{name} {version}" for t in taken for name, version in t.versions.items()})
    parts = [", ".join(dates), f"commit {', '.join(commits)}" if commits else "", *versions]
    return ", ".join(part for part in parts if part)


def section(records: Records) -> str:
    """What one machine measured."""
    every: list[Measurement | Floor | Sweep] = [
        *records.measurements,
        *records.floors,
        *records.sweeps,
    ]
    text = f"\n## {records.machine}, {records.cores} cores\n\n{said([r.taken for r in every])}.\n"
    trained = [m for m in records.measurements if m.steps]
    answered = [m for m in records.measurements if not m.steps]
    for kind, title in WORKS.items():
        found = [m for m in trained if m.work == kind]
        if found:
            floor = floor_of(records, found[0].threads)
            text += f"\n### Training: {title}\n\n{training(found, floor)}"
    for kind, title in WORKS.items():
        found = [m for m in answered if m.work == kind]
        if found:
            text += f"\n### Answers of one length: {title}\n\n{answering(found)}"
    for kind, title in WORKS.items():
        commands = [s for s in records.sweeps if s.work == kind]
        if commands:
            floor = records.floors[0] if records.floors else None
            text += f"\n### One command, many runs: {title}\n\n{sweeps(commands, floor)}"
    if records.floors:
        text += f"\n### What the machine can do\n\n{floors(records.floors)}"
    return text


def page(records: Sequence[Records]) -> str:
    """The whole page."""
    return HEAD + ("".join(map(section, records)) or NONE)


def kept(folder: Path = KEPT) -> list[Records]:
    """All records of a folder, by the names of their files."""
    return [read_json(path, Records) for path in sorted(folder.glob("*.json"))]


def whole() -> str:
    """The page as it is kept, stacks included."""
    return page(kept()) + stacked.section()


if __name__ == "__main__":
    PAGE.write_text(whole(), "utf-8")
    print(f"{PAGE.relative_to(ROOT)}: made from {len(kept())} files of records")
