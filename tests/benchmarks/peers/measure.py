"""What all peers share: the command line, the clock, the questions' answers and the report.

torch is imported where it is used, so that a peer can time its own imports.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.work import Conversation, Work, read

TEST_ROWS = 16
"""Test examples that are measured together."""

PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "numpy")


class Seconds(dict[str, float]):
    """Phase -> wall seconds. The phases are `imports`, `setup`, `train`, `evaluate`, `answers`."""

    @contextmanager
    def phase(self, name: str, device: str = "cpu") -> Iterator[None]:
        """Time what happens inside the `with` block, to the end of what the GPU was given."""
        began = time.perf_counter()
        yield
        wait_for(device)
        self[name] = self.get(name, 0.0) + time.perf_counter() - began


def wait_for(device: str) -> None:
    """Wait until a GPU has done all it was given."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every peer has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("work", type=Path, help="a folder made by tests.benchmarks.peers.prepare")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--batch", type=int, default=0, help="examples a step; 0 for the work's")
    parser.add_argument("--epochs", type=int, default=0, help="0 for the work's")
    return parser


def opened(given: argparse.Namespace) -> Work:
    """The work of a command line, with its own epochs and batch where it names some."""
    from dataclasses import replace

    work = read(given.work)
    recipe = replace(work.recipe, batch=given.batch or work.recipe.batch)
    return replace(work, epochs=given.epochs or work.epochs, recipe=recipe)


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Mixed precision in bf16, or none for fp32."""
    import torch

    return torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=precision == "bf16")


def held_out(
    logits: Callable[[Any], Any], test: list[Conversation], end: int, device: str
) -> float:
    """Loss of the responses and their end tokens, in nats per token.

    Args:
        logits: from ids, int64 [R, T], to logits [R, T, V].
        test: the examples.
        end: the id that pads; no earlier token sees it.
        device: where the ids go.
    """
    import torch
    from torch.nn import functional

    nats, count = 0.0, 0
    with torch.no_grad():
        for first in range(0, len(test), TEST_ROWS):
            rows = test[first : first + TEST_ROWS]
            length = max(len(row.ids) for row in rows)
            ids = torch.tensor(
                [row.ids + [end] * (length - len(row.ids)) for row in rows], device=device
            )
            scores = logits(ids)
            for number, row in enumerate(rows):
                places = slice(row.prompt - 1, len(row.ids) - 1)
                targets = ids[number, row.prompt : len(row.ids)]
                found = functional.cross_entropy(
                    scores[number, places].float(), targets, reduction="sum"
                )
                nats, count = nats + float(found), count + len(targets)
    return nats / count


def report(
    given: argparse.Namespace,
    seconds: Seconds,
    tokens: dict[str, int],
    steps: int,
    loss: float | None,
) -> None:
    """Print what was measured as one line of JSON, the last of the standard output."""
    content = {
        "precision": given.precision,
        "threads": given.threads,
        "seconds": dict(seconds),
        "tokens": tokens,
        "steps": steps,
        "loss": loss,
        "versions": versions(),
    }
    print(json.dumps(content), flush=True)


def versions() -> dict[str, str]:
    """Of Python and the packages that matter, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
