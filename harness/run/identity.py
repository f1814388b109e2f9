"""Which run is which, and where it lies: identity, folder, provenance."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from harness.config.schema import Run, with_launch
from harness.data.examples import Examples
from harness.data.tokens import tokenizer_of
from harness.models.base import Sizes
from harness.records import (
    ADAPTER,
    AUDIT,
    CARD,
    CHECKPOINT,
    CONFIG,
    EVALS,
    FAILURE,
    RESPONSES,
    RESULT,
    STEPS,
    WEIGHTS,
    Failure,
)
from harness.records.storage import write_json
from harness.records.yaml_text import write_text
from harness.run.origin import sizes, weights_digest

GOES_ON_FROM = (CHECKPOINT, STEPS, EVALS)
"""What an interrupted run goes on from."""


class Cell(NamedTuple):
    """One run of a sweep, known before it starts.

    Attributes:
        run: its config.
        identity: sixteen hex digits over scientific config, data and weights.
        folder: where it is recorded.
        contents: sixteen hex digits over the contents of data, weights and tokenizer alone.
        n_examples: training examples.
        cost: tokens through the model, a backward pass counted as two, times parameters: the
            largest run starts first, and the time that is left is told from it.
    """

    run: Run
    identity: str
    contents: str
    folder: Path
    n_examples: int
    cost: float


def peak_rate(run: Run, n_examples: int) -> float:
    """The peak learning rate: `train.lr`, or the model's tuned one for this number of examples."""
    if run.train.lr != "auto":
        return float(run.train.lr)
    import numpy as np

    sizes = sorted(run.model.lr)
    logs = np.interp(
        np.log(n_examples), np.log(sizes), np.log([run.model.lr[size] for size in sizes])
    )
    return float(np.exp(logs))


def make_cell(run: Run, examples: Examples) -> Cell:
    """Name a run.

    Raises:
        CheckpointError, ModelError: as `weights_digest`.
    """
    science = asdict(run)
    del science["launch"], science["score"]["judge"]  # how it is carried out, and thought of
    if run.train.adapter == "none":
        for key in ("adapter", "lora"):  # runs that know nothing of adapters keep their names
            del science["train"][key]
    for key in ("group", "strip"):  # and so do those whose files are read and split as ever
        if not science["data"][key]:
            del science["data"][key]
    count = len(examples.train)
    science["train"]["lr"] = peak_rate(run, count)
    science["data"]["size"] = count
    for key in ("weights", "path", "lr"):
        science["model"].pop(key, None)
    for key in ("path", "validation_path", "test_path"):
        science["data"].pop(key)
    science["score"]["also"] = sorted(run.score.also or {})
    science["contents"] = {
        **examples.digests,
        "weights": weights_digest(run),
        "tokenizer": tokenizer_of(run.model).digest,
    }
    identity, contents = _hash(science), _hash(science["contents"])
    run = with_launch(run, retry="none", force=False)  # said of one launch alone
    name = f"{run.mask.name}-{run.model.name}-{run.data.name}-n{count}-s{run.seed}-{identity[:8]}"
    return Cell(
        run,
        identity,
        contents,
        Path(run.launch.runs) / run.launch.sweep / name,
        count,
        float(parameters(sizes(run)) * sum(work(run, examples).values())),
    )


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters(model: Sizes) -> int:
    """About what each token meets: the blocks' matrices and the output head."""
    return model.width * (12 * model.layers * model.width + model.vocabulary)


def work(run: Run, examples: Examples) -> dict[str, float]:
    """Tokens that each phase puts through the model, a backward pass counted as two more."""
    test = examples.held.test_lengths
    share = min(1.0, run.score.train_examples / len(examples.train))
    midway = (run.train.epochs - 1) // run.score.every if run.score.every else 0
    return {
        "base": float(sum(test)),
        "train": 3.0 * run.train.epochs * examples.train_tokens
        + midway * float(sum(test[: run.score.examples]) + examples.held.tokens["validation"]),
        "evaluate": sum(examples.held.tokens.values()) + share * examples.train_tokens,
        "generate": float(
            sum(test[: run.score.responses])
            + min(run.score.responses, len(test)) * run.score.response_tokens
        ),
    }


def finished(folder: Path) -> bool:
    """Whether a run folder holds a finished run: its result is written last and whole."""
    return (folder / RESULT).is_file()


def open_folder(cell: Cell) -> None:
    """Make a run's folder and write its resolved config.

    The records that earlier tries left are cleared away, but for their log, and a checkpoint with
    what belongs to it. Files that are not ours stay.

    Raises:
        OSError: the folder cannot be written.
    """
    clear_folder(cell.folder)
    resolved = asdict(cell.run)
    resolved["train"]["lr"] = peak_rate(cell.run, cell.n_examples)
    (cell.folder / CONFIG).write_text(write_text(resolved), "utf-8")


def clear_folder(folder: Path) -> None:
    """Make a run's folder, and clear away what earlier tries left, as `open_folder` says.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {path.name for path in folder.iterdir()}
    resumed = set(GOES_ON_FROM) if CHECKPOINT in found else set()
    records = (RESULT, FAILURE, AUDIT, STEPS, EVALS, RESPONSES, WEIGHTS, ADAPTER, CARD, CHECKPOINT)
    for name in records:
        partial = {each for each in found if fnmatch(each, f".{name}.*.partial")}  # of a killed try
        for each in ({name} & found - resumed) | partial:
            (folder / each).unlink(missing_ok=True)


def write_failure(folder: Path, failure: Failure) -> None:
    """Record that a run failed for good.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FAILURE, failure)


class Stamp(NamedTuple):
    """When a run's outcomes were written, in nanoseconds; 0 for one that it has not."""

    result: int
    failure: int


def stamp(folder: Path) -> Stamp:
    """What outcomes a run folder holds."""
    times = []
    for name in (RESULT, FAILURE):
        try:
            times.append((folder / name).stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return Stamp(*times)


def settled(folder: Path, before: Stamp) -> bool:
    """Whether a run has an outcome that is newer than the state `before`."""
    return any(now not in (0, then) for now, then in zip(stamp(folder), before, strict=True))


@cache
def provenance() -> dict[str, Any]:
    """What code and libraries made a figure, and on which machine type; read once per process."""
    names = (
        "prompt-mask-harness",
        "torch",
        "numpy",
        "tiktoken",
        "hydra-core",
        "omegaconf",
        "safetensors",
        "transformers",
    )
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in names},
        },
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str:
    """What git says in the package's own folder; "" outside a checkout or without git."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
