"""What no program can be faster than: the rates of a large matrix product and of a large copy.

python -m tests.benchmarks.floor --device cpu --threads 2
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch

from tests.benchmarks.peers.measure import versions, wait_for

SIZES = {"cpu": 2048, "cuda": 8192}
"""Rows and columns of the matrices."""

COPIED = {"cpu": 2**28, "cuda": 2**31}
"""Bytes of the copied buffer, above every cache."""

LEAST = 1.0
"""Seconds that are timed at least."""

MOST = 4.0
"""Seconds that one product may take."""

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def rate(call: Callable[[], object], device: str) -> float:
    """Calls per second, over as many as last `LEAST` seconds."""
    call()
    wait_for(device)
    count, took = 1, 0.0
    while took < LEAST:
        began = time.perf_counter()
        for _ in range(count):
            call()
        wait_for(device)
        took = time.perf_counter() - began
        count *= 2
    return count / 2 / took


def matmul(device: str, precision: str) -> float:
    """Floating-point operations per second of a large square matrix product; of a smaller one where
    a large one takes many seconds, as in bf16 on a processor that has no instructions for it.
    """
    size = SIZES[device]
    if 2.0 * size**3 / _matmul(device, precision, size // 8) > MOST:
        size //= 4
    return _matmul(device, precision, size)


def _matmul(device: str, precision: str, size: int) -> float:
    a, b = (torch.randn(size, size, device=device).to(TYPES[precision]) for _ in range(2))
    out = torch.empty_like(a)
    return 2.0 * size**3 * rate(lambda: torch.mm(a, b, out=out), device)


def bandwidth(device: str) -> float:
    """Bytes per second of a copy, those read and those written."""
    source = torch.ones(COPIED[device] // 4, device=device)
    target = torch.empty_like(source)
    return 2.0 * COPIED[device] * rate(lambda: target.copy_(source), device)


def main() -> None:
    """Print the rates as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=SIZES, default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--toy", action="store_true", help="small matrices, for a rehearsal")
    given = parser.parse_args()
    if given.toy:
        SIZES[given.device], COPIED[given.device] = 128, 2**20
    torch.set_num_threads(given.threads)
    content = {
        "threads": given.threads,
        "matmul": {name: matmul(given.device, name) for name in TYPES},
        "bandwidth": bandwidth(given.device),
        "versions": versions(),
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main()
