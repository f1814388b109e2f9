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
from harness.run.clock import Clock
from harness.run.identity import Cell, provenance
from harness.train.loop import Totals, Training

FORMAT = 1
"""Of a checkpoint; a change to what it holds, or to what a step does with it, raises this
number.
"""


class Checkpoint:
    """The checkpoint of one run.

    Attributes:
        resumed: the earlier tries that the run goes on from: up to which step, and with what code.
    """

    def __init__(
        self, cell: Cell, training: Training, clock: Clock, tokens: dict[str, int]
    ) -> None:
        """Nothing is read or written yet.

        Args:
            cell: the run; `run.checkpoint_seconds` tells how often a checkpoint is written.
            training: goes into the checkpoint, and out of it.
            clock: times this try; what earlier ones took is added.
            tokens: phase -> tokens processed, likewise.
        """
        self.resumed: list[dict[str, Any]] = []
        self._cell = cell
        self._path = cell.folder / CHECKPOINT
        self._partial = self._path.with_name(f".{CHECKPOINT}.partial")
        self._training = training
        self._clock = clock
        self._tokens = tokens
        self._written = time.monotonic()

    def restore(self, files: Mapping[str, IO[str]]) -> bool:
        """Go on from the checkpoint, where there is one that fits; say in the run's log whether.

        Args:
            files: name -> record file, opened to append. What was written to it after the
                checkpoint is cut off.

        Returns:
            Whether there was one. If not, the training and the files are at their beginning.

        Raises:
            OSError: a record file cannot be cut.
        """
        state = self._read(files)
        sizes = state["sizes"] if state else {}
        for name, file in files.items():
            file.truncate(sizes.get(name, 0))
        self._written = time.monotonic()
        if not state:
            self._path.unlink(missing_ok=True)
            return False
        self._clock.add(state["seconds"])
        self._tokens.update(state["tokens"])
        self.resumed = state["resumed"]
        print(
            f"goes on after step {self._training.totals.steps}, from {CHECKPOINT}", file=sys.stderr
        )
        return True

    def save_when_due(self, files: Mapping[str, IO[str]]) -> None:
        """Write the checkpoint if the last one is old enough; where that fails, the log says so and
        the run goes on.
        """
        every = self._cell.run.checkpoint_seconds
        if not every or time.monotonic() - self._written < every:
            return
        self._training.settle()
        for file in files.values():
            os.fsync(file.fileno())
        try:
            with self._partial.open("wb") as stream:
                torch.save(self._state(files), stream)
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

    def _state(self, files: Mapping[str, IO[str]]) -> dict[str, Any]:
        training, totals = self._training, self._training.totals
        code = {key: provenance()[key] for key in ("commit", "dirty")}
        return {
            "format": FORMAT,
            "identity": self._cell.identity,
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "micro_tokens": training.micro_tokens,
            "totals": {**asdict(totals), "weight": totals.weight.tolist()},
            "sizes": {name: os.fstat(file.fileno()).st_size for name, file in files.items()},
            "seconds": self._clock.read(),
            "tokens": self._tokens,
            "resumed": [*self.resumed, {"step": totals.steps, **code}],
        }

    def _read(self, files: Mapping[str, IO[str]]) -> dict[str, Any] | None:
        """The stored state, put into the training; None where there is none to go on from."""
        if not self._path.exists():
            return None
        try:
            with zipfile.ZipFile(self._path) as archive:  # torch.load compares no checksums
                damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{damaged} is damaged")
            state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
            self._check(state, files)
            totals = Totals(**{**state["totals"], "weight": np.array(state["totals"]["weight"])})
            self._training.optimizer.load_state_dict(state.pop("optimizer"))
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # a damaged file may raise anything; the run is not to fail over it
            print(f"starts anew: {self._path}: {_line(error)}", file=sys.stderr)
            return None
        self._training.model.load_state_dict(state.pop("model"))
        self._training.totals = totals
        self._training.micro_tokens = state["micro_tokens"]
        return state

    def _check(self, state: dict[str, Any], files: Mapping[str, IO[str]]) -> None:
        """Refuse the state of another run, of other code, or one whose records are gone.

        Raises:
            ValueError: with the reason.
        """
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']}, expected {FORMAT}")
        if state["identity"] != self._cell.identity:
            raise ValueError(f"of the run {state['identity']}, expected {self._cell.identity}")
        shapes = [
            {name: tensor.shape for name, tensor in weights.items()}
            for weights in (state["model"], self._training.model.state_dict())
        ]
        if shapes[0] != shapes[1]:
            raise ValueError("its weights are those of another model")
        for name, size in state["sizes"].items():
            if os.fstat(files[name].fileno()).st_size < size:
                raise ValueError(f"{name} is shorter than it was")


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error) or '?').splitlines()[0]}"
