"""How many workers there are, on which GPU each, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from harness.config import Run
from harness.settings import Pool


def cpus() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus(devices: set[str]) -> list[str]:
    """The GPUs to spread workers over, as `CUDA_VISIBLE_DEVICES` calls them; none where all runs are on the CPU.

    Args:
        devices: `device` of all runs. Where all name one GPU, that one alone is used.
    """
    if devices == {"cpu"}:
        return []
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = [part.strip() for part in named.split(",")][:count] if named else [str(gpu) for gpu in range(count)]
    (device, *others) = sorted(devices)
    if not others and device.startswith("cuda:") and int(device[5:]) < len(visible):
        return [visible[int(device[5:])]]
    return visible


def places(found: Sequence[str], settings: Pool, n_runs: int) -> list[str | None]:
    """The GPU of each worker, None for a worker on the CPU; no more workers than runs."""
    automatic = len(found) * settings.slots_per_gpu or cpus()
    count = min(automatic if settings.slots == "auto" else int(settings.slots), n_runs)
    return [found[number % len(found)] if found else None for number in range(count)]


def placed(run: Run, n_workers: int, n_gpus: int) -> Run:
    """A run as its worker is told it: with its share of the cores, and by the name its one GPU has there."""
    if not run.threads:
        run = replace(run, threads=max(1, cpus() // n_workers))
    if n_gpus == 1 and run.device.startswith("cuda:"):
        run = replace(run, device="cuda")
    return run
