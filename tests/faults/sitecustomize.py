"""Faults for workers: with this folder on PYTHONPATH, runs of the seeds that HARNESS_FAULTS names
go wrong.

HARNESS_FAULTS is JSON, seed -> kind of fault. Python imports a module of this name by itself at
every start.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


def flag() -> Path:
    """A file that stands for what has happened already."""
    return Path(os.environ["HARNESS_FAULT_FLAG"])


def go_wrong(kind: str) -> None:  # noqa: C901  # a list of faults, one beside the other
    if kind == "raise":
        raise RuntimeError("injected\nwith a second line")
    if kind == "exit":
        sys.exit(3)
    if kind == "leave":
        os._exit(4)
    if kind == "hang":
        time.sleep(3600)
    if kind == "once" and not flag().exists():
        flag().touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "slow":
        time.sleep(2)
    if kind == "nap":
        time.sleep(0.5)
    if kind == "eat":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
        eaten = []
        while True:
            eaten.append(bytearray(2**24))
    if kind == "full":
        raise OSError(28, "No space left on device", "steps.jsonl")


class Hook(MetaPathFinder):
    """Replaces functions of modules when those are imported."""

    def __init__(self) -> None:
        self.left = dict(CHANGES)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.left:
            return None
        function, change = self.left.pop(name)
        spec = importlib.util.find_spec(name)
        assert spec and spec.loader
        load = spec.loader.exec_module

        def load_and_wrap(module: ModuleType) -> None:
            load(module)
            setattr(module, function, change(getattr(module, function)))

        spec.loader.exec_module = load_and_wrap  # type: ignore[method-assign]  # in its place
        return spec


def faulty(execute_group: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(cells: Sequence[Any], progress: Any, warm: Any) -> list[Any]:
        # Read now: a worker's environment comes to it after the server's, which imported this.
        faults = json.loads(os.environ.get("HARNESS_FAULTS", "{}"))
        kinds = [faults.get(str(cell.run.seed), "") for cell in cells]
        for kind in kinds:
            go_wrong(kind)
        if "wide" in kinds and len(cells) > 2:
            import torch

            raise torch.OutOfMemoryError("too many at once")

        def watched(number: int, phase: str, share: float) -> None:
            if "midway" in kinds and phase == "train" and share > 0.5:
                go_wrong("once")
            while "linger" in kinds and not flag().exists():
                time.sleep(0.1)
            progress(number, phase, share)

        sound = [number for number, kind in enumerate(kinds) if kind != "diverge"]
        outcomes: list[Any] = [FloatingPointError("step 1: loss nan") for _ in cells]
        if sound:
            ended = execute_group(
                [cells[number] for number in sound],
                lambda number, phase, share: watched(sound[number], phase, share),
                warm,
            )
            for number, outcome in zip(sound, ended, strict=True):
                outcomes[number] = outcome
        return outcomes

    return wrapped


CHANGES = {
    "harness.run.execute": ("execute_group", faulty),
}
"""Module -> its function, and what gives the one that takes its place."""

sys.meta_path.insert(0, Hook())
