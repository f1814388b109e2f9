"""How many workers there are, on which GPU each, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from harness.config.launchers import Pool
from harness.config.schema import Run
from harness.run.identity import shape

MOST_PER_GPU = 4
"""Workers that share a GPU by themselves: alone, one waits for its kernels to be launched most of
the time.
"""

WORKER_BYTES = 2**30
"""What a worker takes of a GPU's memory before any weights: CUDA's context, kernels, blocks kept
for reuse.
"""


def cpus() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus(devices: set[str]) -> list[str]:
    """The GPUs to spread workers over, as `CUDA_VISIBLE_DEVICES` calls them; none where all runs
    are on the CPU.

    Args:
        devices: `device` of all runs. Where all name one GPU, that one alone is used.
    """
    if devices == {"cpu"}:
        return []
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = (
        [part.strip() for part in named.split(",")][:count]
        if named
        else [str(gpu) for gpu in range(count)]
    )
    (device, *others) = sorted(devices)
    if not others and device.startswith("cuda:") and int(device[5:]) < len(visible):
        return [visible[int(device[5:])]]
    return visible


def gpu_memory() -> int:
    """Bytes of the smallest GPU that this process sees."""
    import torch

    return min(
        torch.cuda.get_device_properties(gpu).total_memory
        for gpu in range(torch.cuda.device_count())
    )


def gpu_bytes(run: Run) -> int:
    """About what a worker takes of a GPU's memory for a run: 1,071 MiB for nano, seen 917; mini
    1,618, seen 1,613.

    Weights, gradients and AdamW's two moments in fp32, and of each token of a micro-batch some 17
    numbers of the model's width in every block (Korthikanti et al. 2022, 'Reducing activation
    recomputation', section 4.1: 34 bytes in 16 bits, without attention's scores).
    """
    model, train = run.model, run.train
    activations = min(train.micro_tokens, train.batch_tokens) * model.layers * model.width * 17 * 4
    return WORKER_BYTES + 16 * shape(run).parameters + activations


def shared_by(runs: Sequence[Run], n_gpus: int) -> int:
    """Workers that each of the GPUs takes at once, whichever of `runs` they carry out; at least
    one.
    """
    largest = max(map(gpu_bytes, runs))
    return max(1, min(MOST_PER_GPU, int(0.9 * gpu_memory()) // largest, cpus() // n_gpus))


def places(found: Sequence[str], settings: Pool, runs: Sequence[Run]) -> list[str | None]:
    """The GPU of each worker, from `gpus`; None for a worker on the CPU. No more workers than
    runs.
    """
    if settings.slots != "auto":
        count = int(settings.slots)
    elif not found:
        count = cpus()
    elif settings.slots_per_gpu != "auto":
        count = len(found) * int(settings.slots_per_gpu)
    else:
        count = len(found) * shared_by(runs, len(found))
    return [
        found[number % len(found)] if found else None for number in range(min(count, len(runs)))
    ]


def placed(run: Run, n_workers: int, n_gpus: int) -> Run:
    """A run as its worker is told it: with its share of the cores, and by the name its one GPU has
    there.
    """
    if not run.threads:
        run = replace(run, threads=max(1, cpus() // n_workers))
    if n_gpus == 1 and run.device.startswith("cuda:"):
        run = replace(run, device="cuda")
    return run
