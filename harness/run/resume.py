"""Going on with an interrupted run: its `checkpoint.pt`, which is there while a long run lasts."""

from __future__ import annotations

import os
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any

import numpy as np
import torch

from harness.records import CHECKPOINT
from harness.run.identity import Cell, provenance
from harness.train.learner import Totals
from harness.train.loop import Training

FORMAT = 4
"""Of a checkpoint; a change to what it holds, or to what a step does with it, raises this."""


class Checkpoint:
    """The checkpoint of one run.

    Attributes:
        resumed: the earlier tries that the run goes on from: up to which step, and with what code.
        seconds: phase -> what those tries took.
        tokens: phase -> tokens that they processed.
        steps: optimiser steps that they did.
    """

    def __init__(self, cell: Cell, files: Mapping[str, IO[str]], trained: int) -> None:
        """Read the checkpoint, where there is one that fits; say in the run's log whether.

        Args:
            cell: the run; `checkpoint_seconds` tells how often a checkpoint is written.
            files: name -> record file, opened to append. What was written to it after the
                checkpoint is cut off.
            trained: parameters that it trains.

        Raises:
            OSError: a record file cannot be cut.
        """
        self._cell = cell
        self._files = files
        self._trained = trained
        self._path = cell.folder / CHECKPOINT
        self._partial = self._path.with_name(f".{CHECKPOINT}.partial")
        self._written = time.monotonic()
        self._state = self._read()
        state = self._state or {}
        for name, file in files.items():
            file.truncate(state.get("sizes", {}).get(name, 0))
        self.resumed: list[dict[str, Any]] = state.get("resumed", [])
        self.seconds: dict[str, float] = state.get("seconds", {})
        self.tokens: dict[str, int] = state.get("tokens", {})
        self.steps: int = state["totals"]["steps"] if self._state else 0
        if self._state:
            print(f"goes on after step {self.steps}, from {CHECKPOINT}", file=sys.stderr)
        else:
            self._path.unlink(missing_ok=True)

    def restore(self, training: Training, number: int) -> None:
        """Put what was read into a training as its run `number`; nothing where nothing was read."""
        state = self._state
        if state is None:
            return
        training.learners[number].totals = _totals(state)
        training.model.put(number, state["model"])
        training.optimizer.put(number, state["first"], state["second"], self.steps)
        training.limit(state["micro_tokens"])
        self._state = None  # free the memory

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        every = self._cell.run.launch.checkpoint_seconds
        return bool(every) and time.monotonic() - self._written >= every

    def save(
        self,
        training: Training,
        number: int,
        seconds: Mapping[str, float],
        tokens: Mapping[str, int],
    ) -> None:
        """Write the checkpoint; where that fails, the log says so and the run goes on.

        Args:
            training: settled, so that the record files hold all of its steps.
            number: which of its runs.
            seconds: phase -> wall seconds so far.
            tokens: phase -> tokens processed so far.
        """
        for file in self._files.values():
            os.fsync(file.fileno())
        try:
            with self._partial.open("wb") as stream:
                torch.save(self._content(training, number, seconds, tokens), stream)
                stream.flush()
                os.fsync(stream.fileno())
            self._partial.replace(self._path)
        except (OSError, RuntimeError) as error:  # torch raises the latter where the disk is full
            print(f"no checkpoint: {_line(error)}", file=sys.stderr)
            self._partial.unlink(missing_ok=True)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The run has its result."""
        self._path.unlink(missing_ok=True)
        self._partial.unlink(missing_ok=True)  # of a try that was killed while it wrote

    def _content(
        self,
        training: Training,
        number: int,
        seconds: Mapping[str, float],
        tokens: Mapping[str, int],
    ) -> dict[str, Any]:
        totals = training.learners[number].totals
        moments = training.optimizer.moments(number)
        code = {key: provenance()[key] for key in ("commit", "dirty")}
        return {
            "format": FORMAT,
            "identity": self._cell.identity,
            "threads": torch.get_num_threads(),
            "gpus": self._cell.run.launch.gpus,
            # Copies: a view would be saved with all of its stack.
            "model": _copies(training.model.of_run(number)),
            "first": _copies(moments.first),
            "second": _copies(moments.second),
            "micro_tokens": training.micro_tokens,
            "totals": {**asdict(totals), "weight": totals.weight.tolist()},
            "sizes": {name: os.fstat(file.fileno()).st_size for name, file in self._files.items()},
            "seconds": dict(seconds),
            "tokens": dict(tokens),
            "resumed": [*self.resumed, {"step": totals.steps, **code}],
        }

    def _read(self) -> dict[str, Any] | None:
        """The stored state; None where there is none to go on from."""
        if not self._path.exists():
            return None
        try:
            with zipfile.ZipFile(self._path) as archive:  # torch.load compares no checksums
                damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{damaged} is damaged")
            state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
            self._check(state)
        except MemoryError:
            raise
        except Exception as error:
            print(f"starts anew: {self._path}: {_line(error)}", file=sys.stderr)
            return None
        return state

    def _check(self, state: dict[str, Any]) -> None:
        """Refuse the state of another run, of other code, or one whose records are gone.

        Raises:
            ValueError: with the reason.
        """
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']}, expected {FORMAT}")
        if state["identity"] != self._cell.identity:
            raise ValueError(f"of the run {state['identity']}, expected {self._cell.identity}")
        now = {"threads": torch.get_num_threads(), "gpus": self._cell.run.launch.gpus}
        for name, count in now.items():
            if state[name] != count:  # another number sums in another order
                raise ValueError(f"made with {state[name]} {name}, expected {count}")
        _totals(state)
        for part in ("model", "first", "second"):
            count = sum(tensor.numel() for tensor in state[part].values())
            if count != self._trained:
                raise ValueError("its weights are those of another model")
        for name, size in state["sizes"].items():
            if os.fstat(self._files[name].fileno()).st_size < size:
                raise ValueError(f"{name} is shorter than it was")


def _totals(state: Mapping[str, Any]) -> Totals:
    weight = np.array(state["totals"]["weight"])
    return Totals(**{**state["totals"], "weight": weight})


def _copies(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error) or '?').splitlines()[0]}"
