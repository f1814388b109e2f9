"""How many workers there are, on which GPU each, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Sequence

from harness.config.launchers import Pool
from harness.config.models import Own
from harness.config.schema import Run
from harness.run.origin import sizes

MOST_PER_GPU = 4
"""Workers that share a GPU by themselves: alone, one waits for its kernels to be launched most of
the time.
"""

MOST_STACKED = 64
"""Runs of a stack by itself."""

SHARE = 0.9
"""Of a GPU's memory that all its workers may take."""

SMALL = 50_000_000
"""Parameters below which a run has one thread by itself."""

MOST_THREADS = 8
"""Threads of a larger run by itself."""

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


def teams(visible: Sequence[str], gpus: int) -> list[str]:
    """The GPUs as `CUDA_VISIBLE_DEVICES` calls them for workers that take so many each."""
    firsts = range(0, len(visible) - gpus + 1, gpus)
    return [",".join(visible[first : first + gpus]) for first in firsts]


def gpu_memory() -> int:
    """Bytes of the smallest GPU that this process sees."""
    import torch

    return min(
        torch.cuda.get_device_properties(gpu).total_memory
        for gpu in range(torch.cuda.device_count())
    )


def gpu_bytes(run: Run, stack: int = 1) -> int:
    """About what a worker takes of a GPU's memory for so many runs like this one as one stack.

    Weights, gradients and AdamW's two moments in fp32. Of each token of a micro-batch some 17
    numbers of the model's width in every block (Korthikanti et al. 2022, 'Reducing activation
    recomputation', section 4.1: 34 bytes in 16 bits, without attention's scores) and its logits;
    both twice, for what a CUDA graph takes is of no use outside it. Of each token of an evaluation
    what one block takes. 19.3 GiB for a stack of 64 of micro, seen 19.0 (docs/results/stacks).
    """
    model, train = sizes(run), run.train
    token = model.layers * model.width * 17 * 4 + model.vocabulary * 6
    step = train.micro_tokens if train.batch_examples else train.batch_tokens
    trained = 2 * min(train.micro_tokens, step) * token
    evaluated = run.score.batch_tokens * model.width * 34
    each = 16 if train.adapter == "none" else 4  # frozen weights have no gradients and moments
    return WORKER_BYTES + stack * (each * model.parameters + trained + evaluated)


def shared_by(runs: Sequence[Run], n_gpus: int, memory: int, cores: int) -> int:
    """Workers that each of the GPUs takes at once, whichever of `runs` they carry out; at least
    one.

    Args:
        runs: what they may carry out.
        n_gpus: GPUs of a machine.
        memory: bytes of the smallest of them.
        cores: CPU cores of the machine.
    """
    largest = max(map(gpu_bytes, runs))
    return max(1, min(MOST_PER_GPU, int(SHARE * memory) // largest, cores // n_gpus))


def workers(visible: Sequence[str], settings: Pool, runs: Sequence[Run]) -> int:
    """Workers at a time.

    Args:
        visible: the GPUs, or groups of them, from `teams`.
        settings: of the launch.
        runs: with their threads fixed.
    """
    if settings.slots != "auto":
        return int(settings.slots)
    if not visible:
        return max(1, cpus() // max(int(run.launch.threads) * run.launch.gpus for run in runs))
    if settings.slots_per_gpu != "auto":
        return len(visible) * int(settings.slots_per_gpu)
    if runs[0].launch.gpus > 1:
        return len(visible)
    return len(visible) * shared_by(runs, len(visible), gpu_memory(), cpus())


def places(visible: Sequence[str], count: int) -> list[str | None]:
    """The GPU of each of `count` workers, in turn; None for workers on the CPU."""
    return [visible[number % len(visible)] if visible else None for number in range(count)]


def stack_limit(
    alike: Sequence[Run], n_gpus: int, n_workers: int, memory: int | None = None
) -> int:
    """Most runs of a stack: as `stack` says, or as many as its worker's share of a GPU holds.

    Args:
        alike: runs of one kind; those of a model of transformers train alone.
        n_gpus: GPUs that the workers share; 0 for the CPU, where one run fills its threads.
        n_workers: all workers.
        memory: bytes of the smallest GPU; None for this machine's.
    """
    wanted = alike[0].launch.stack
    if wanted != "auto":
        return int(wanted)
    if not n_gpus or alike[0].launch.gpus > 1 or isinstance(alike[0].model, Own):
        return 1
    room = int(SHARE * (gpu_memory() if memory is None else memory)) // -(-n_workers // n_gpus)
    one = max(gpu_bytes(run) for run in alike) - WORKER_BYTES
    return max(1, min(MOST_STACKED, (room - WORKER_BYTES) // one))


def threads_of(run: Run, cores: int) -> int:
    """CPU threads of a run: as `threads` says, or one for a small model, which gains nothing more.

    They never depend on what else runs: another number of threads sums in another order, and the
    figures would differ.

    Args:
        run: its config.
        cores: CPU cores of the machine.
    """
    if run.launch.threads != "auto":
        return run.launch.threads
    return 1 if sizes(run).parameters < SMALL else min(MOST_THREADS, cores)
