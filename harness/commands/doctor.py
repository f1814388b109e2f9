"""What this machine offers: versions, devices, extras, and where files are cached.

    harness doctor        prints a line for each

Linux is supported. macOS has all that is needed and is not tested. Windows has no file locks of
this kind: WSL does.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from harness.commands.arguments import Parser
from harness.config.extras import EXTRAS, PACKAGE, installed

SYSTEMS = {
    "Linux": "supported",
    "Darwin": "not tested: all that is needed is there",
    "Windows": "not supported: no such file locks, WSL has them",
}
GIGA = 2**30


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    Parser().parse_args(arguments)
    rows = {**_machine(), **_devices(), **_extras(), **_folders()}
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
    return 0


def _machine() -> dict[str, str]:
    system = platform.system()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{system} {platform.machine()}, {SYSTEMS.get(system, 'not tested')}",
        "python": f"{platform.python_version()} at {sys.prefix}",
        PACKAGE: version(PACKAGE),
        "cores": str(cores),
    }


def _devices() -> dict[str, str]:
    """The version of torch, and every GPU that it sees; whether bfloat16 is fast there."""
    import torch

    rows = {"torch": str(torch.__version__)}
    count = torch.cuda.device_count()
    if not count:
        rows["GPU"] = "none that torch sees: device=cpu"
    for number in range(count):
        about = torch.cuda.get_device_properties(number)
        fast = "yes" if about.major >= 8 else "no, expected train.precision=fp32"
        memory = f"{about.total_memory / GIGA:.0f} GiB"
        rows[f"cuda:{number}"] = f"{about.name}, {memory}, bf16: {fast}"
    return rows


def _extras() -> dict[str, str]:
    rows = {}
    for name, extra in EXTRAS.items():
        there = all(map(installed, extra.modules))
        state = "installed" if there else f"pip install '{PACKAGE}[{name}]'"
        rows[f"extra {name}"] = f"{state}: {extra.about}"
    return rows


def _folders() -> dict[str, str]:
    from harness.data.fetch import cache_folder

    cache = cache_folder()
    used = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    free = shutil.disk_usage(Path.cwd()).free
    return {
        "cache": f"{cache}, {used / 2**20:,.0f} MiB",
        "working folder": f"{Path.cwd()}, {free / GIGA:,.0f} GiB free",
    }
