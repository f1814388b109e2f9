"""What the benchmarks leave behind: one JSON file a machine, from which docs/performance.md is
made.
"""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Taken:
    """When and with what a figure was taken.

    Attributes:
        date: of the day, UTC.
        commit: of the code; with a "+" where files differed from it.
        versions: of Python and the packages that matter.
    """

    date: str
    commit: str
    versions: dict[str, str]


@dataclass(kw_only=True)
class Measurement:
    """One peer that did one work.

    Attributes:
        part: how the driver calls it; with the work its key.
        work: the work's name.
        peer: how tables call it.
        precision: "fp32" or "bf16".
        threads: CPU threads.
        batch: what a step holds, in words.
        epochs: passes over the examples.
        seed: of the work.
        seconds: phase -> wall seconds; "whole" is the process from its start to its end.
        tokens: "train" real tokens trained on, "padding" places without one, "answers" generated.
        steps: optimiser steps.
        loss: held-out nats per response token after training; None where nothing was trained.
        flops: the arithmetic that the training cannot do without.
        bytes: memory traffic that its optimiser cannot do without.
        taken: when and with what.
    """

    part: str
    work: str
    peer: str
    precision: str
    threads: int
    batch: str
    epochs: int
    seed: int
    seconds: dict[str, float]
    tokens: dict[str, int]
    steps: int
    loss: float | None
    flops: float
    bytes: float
    taken: Taken


@dataclass(kw_only=True)
class Floor:
    """What the machine can do at best.

    Attributes:
        threads: CPU threads.
        matmul: precision -> floating-point operations per second of a large matrix product.
        bandwidth: bytes per second, read and written, of a large copy.
        taken: when and with what.
    """

    threads: int
    matmul: dict[str, float]
    bandwidth: float
    taken: Taken


@dataclass(kw_only=True)
class Sweep:
    """One command that carried out many runs.

    Attributes:
        part: how the driver calls it; with the number of runs its key.
        work: the work's name.
        command: its arguments.
        runs: runs that it finished.
        seconds: "start" (imports and planning, until the first run's folder), "runs" (until the
            last result), "report" (until the command's end) and "whole".
        phases: phase of a run -> seconds summed over all runs.
        flops, bytes: as in `Measurement`, of all runs together.
        taken: when and with what.
    """

    part: str
    work: str
    command: str
    runs: int
    seconds: dict[str, float]
    phases: dict[str, float]
    flops: float
    bytes: float
    taken: Taken


@dataclass(kw_only=True)
class Records:
    """All that one machine has measured.

    Attributes:
        machine: processor or GPU, in words.
        cores: CPU cores.
        measurements, floors, sweeps: in the order in which they were first taken.
    """

    machine: str
    cores: int
    measurements: list[Measurement] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)

    def add(self, record: Measurement | Floor | Sweep) -> None:
        """Take a record in, in the place of the earlier one with the same key."""
        if isinstance(record, Measurement):
            _replace(self.measurements, record)
        elif isinstance(record, Sweep):
            _replace(self.sweeps, record)
        else:
            _replace(self.floors, record)


Kind = TypeVar("Kind", Measurement, Floor, Sweep)


def _key(record: Measurement | Floor | Sweep) -> tuple[object, ...]:
    if isinstance(record, Measurement):
        return record.work, record.part
    return (record.part, record.runs) if isinstance(record, Sweep) else (record.threads,)


def _replace(records: list[Kind], record: Kind) -> None:
    places = [place for place, other in enumerate(records) if _key(other) == _key(record)]
    if places:
        records[places[0]] = record
    else:
        records.append(record)


def taken(commit: str, versions: dict[str, str]) -> Taken:
    """Today, with this code and these versions."""
    return Taken(date=datetime.now(UTC).date().isoformat(), commit=commit, versions=versions)


def commit() -> str:
    """The commit of this checkout, with a "+" where files differ from it; "" outside of one."""
    named = said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return named + ("+" if changed else "")


def said(*command: str) -> str:
    """What a command prints; "" where it fails or is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def machine(device: str) -> tuple[str, int]:
    """The device in words, and the number of CPU cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if device.startswith("cuda"):
        named = said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
        return named.partition("\n")[0] or "an unknown GPU", cores or 1
    return processor(), cores or 1


BF16 = {"avx512_bf16": "AVX-512 bf16", "amx_bf16": "AMX"}
"""Flag of a processor -> what it has for bf16."""

WITHOUT = "no bf16 units"


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, with what it has for bf16."""
    try:
        lines = info.read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    values = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    flags = values.get("flags", "").split()
    extra = [name for flag, name in BF16.items() if flag in flags] or [WITHOUT]
    return f"{values.get('model name', platform.machine())} ({', '.join(extra)})"
