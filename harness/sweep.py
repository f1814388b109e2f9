"""Carry out many runs in warm worker processes; finished ones are skipped, a failed one costs itself alone."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from harness.checkpoint import CheckpointError, find
from harness.config import Run
from harness.data.sources import DataError
from harness.examples import prepare, weighted_rows
from harness.records import Failure
from harness.store import Cell, finished, make_cell, weights_digest, write_failure
from harness.validate import ConfigError


class Message(NamedTuple):
    """What a worker tells its parent.

    Attributes:
        kind: "progress", "done" or "failed".
        text: the phase, or the error in one line.
        share: of the run that is done, for "progress".
        trace: the traceback, for "failed".
    """

    kind: str
    text: str = ""
    share: float = 0.0
    trace: str = ""


@dataclass(slots=True)
class _Worker:
    """A process and what it is at."""

    process: BaseProcess
    link: Connection
    cell: Cell | None
    bar: TaskID
    share: float = 0.0


class Outcome(NamedTuple):
    """How a sweep ended, in numbers of cells."""

    finished: int
    skipped: int
    failed: int


def cells_of(runs: Sequence[Run]) -> list[Cell]:
    """Check every run against its data and weights and name it; equal runs become one cell.

    Raises:
        ConfigError: with every fault of every run.
    """
    cells: dict[str, Cell] = {}
    faults: Counter[str] = Counter()
    for run in runs:
        try:
            examples = prepare(run)
            weighted_rows(examples.train, run)
            path = None if run.model.weights == "random" else find(run.model.weights, run.model.name)
            found = make_cell(run, examples, weights_digest(run, path))
            cells.setdefault(found.identity, found)
        except (CheckpointError, DataError, OSError, ValueError) as error:
            faults[str(error)] += 1
    if faults:
        raise ConfigError([f"{fault} ({count} of {len(runs)} runs)" for fault, count in faults.items()])
    return list(cells.values())


def automatic_name(overrides: Sequence[Sequence[str]]) -> str:
    """A sweep's folder name from its jobs' overrides: the keys that differ, and a hash over all of them."""
    values: dict[str, set[str]] = {}
    for job in overrides:
        for override in job:
            key, _, value = override.partition("=")
            values.setdefault(key.lstrip("+"), set()).add(value)
    swept = "+".join(sorted(key for key, found in values.items() if len(found) > 1)) or "single"
    text = "\n".join(sorted(" ".join(sorted(job)) for job in overrides))
    return f"{swept}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def launch(runs: Sequence[Run], slots: int, console: Console) -> Outcome:
    """Finish every run that is not finished yet.

    Args:
        runs: checked configs; their folders may hold earlier results.
        slots: worker processes; 0 for one per GPU, or one per CPU core without a GPU.
        console: where progress is shown.

    Raises:
        ConfigError: runs that cannot work, before any is started.
    """
    with console.status("checking data and weights"):
        cells = cells_of(runs)
    todo = sorted((each for each in cells if not finished(each.folder)), key=lambda each: -each.cost)
    skipped = len(cells) - len(todo)
    if skipped:
        console.print(f"{skipped} of {len(cells)} runs are finished already and are skipped")
    if not todo:
        return Outcome(0, skipped, 0)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = _gpus()
    count = min(slots or gpus or cpus, len(todo))
    threads = max(1, cpus // count)
    placed = []
    for waiting in todo:
        run = waiting.run if waiting.run.threads else replace(waiting.run, threads=threads)
        placed.append(waiting._replace(run=run))
    failed = _drain(placed, count, gpus, console)
    return Outcome(len(todo) - failed, skipped, failed)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _drain(todo: list[Cell], count: int, gpus: int, console: Console) -> int:
    """Run all cells on `count` workers; return the number that failed."""
    total = sum(each.cost for each in todo)
    failed = done = 0
    cost_done = 0.0
    queue = list(todo)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        overall = progress.add_task(f"0 of {len(todo)} runs", total=total)
        workers = [_start(number, gpus, progress) for number in range(count)]
        try:
            for worker in workers:
                _give(worker, queue, progress)
            while any(worker.cell for worker in workers):
                busy = {worker.link: worker for worker in workers if worker.cell}
                for link in wait(list(busy)):
                    worker = busy[link]  # type: ignore[index]
                    assert worker.cell is not None
                    message = _receive(worker)
                    if message.kind == "progress":
                        worker.share = message.share
                        progress.update(worker.bar, completed=message.share, description=_label(worker, message.text))
                    else:
                        done += 1
                        cost_done += worker.cell.cost
                        failed += message.kind == "failed"
                        _report(worker.cell, message, done, len(todo), progress.console)
                        if not worker.process.is_alive():
                            progress.remove_task(worker.bar)
                            place = workers.index(worker)
                            workers[place] = worker = _start(place, gpus, progress)
                        _give(worker, queue, progress)
                running = sum(worker.cell.cost * worker.share for worker in workers if worker.cell)
                progress.update(overall, completed=cost_done + running, description=f"{done} of {len(todo)} runs")
        finally:
            for worker in workers:
                worker.link.close()  # a worker that is between two runs ends by itself
                worker.process.terminate()
                worker.process.join()
                progress.remove_task(worker.bar)
    return failed


def _start(number: int, gpus: int, progress: Progress) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, number % gpus if gpus else None), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, None, progress.add_task("", total=1.0))


def _give(worker: _Worker, queue: list[Cell], progress: Progress) -> None:
    """Hand the next cell to a worker; without one it idles."""
    worker.cell, worker.share = (queue.pop(0), 0.0) if queue else (None, 0.0)
    if worker.cell:
        worker.link.send(worker.cell)
    progress.update(worker.bar, completed=0.0, visible=worker.cell is not None, description=_label(worker, "waiting"))


def _receive(worker: _Worker) -> Message:
    """A worker's message, or the news that it died."""
    assert worker.cell is not None
    try:
        message: Message = worker.link.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        message = Message("failed", f"the worker died with {f'signal {-code}' if code < 0 else f'exit code {code}'}")
    if message.kind == "failed":
        failure = Failure(
            run=worker.cell.folder.name, identity=worker.cell.identity, error=message.text, traceback=message.trace
        )
        write_failure(worker.cell.folder, failure)
    return message


def _label(worker: _Worker, phase: str) -> str:
    return f"  {worker.cell.folder.name.rsplit('-', 1)[0]} {phase}" if worker.cell else ""


def _report(cell: Cell, message: Message, done: int, total: int, console: Console) -> None:
    """One line per ended run, also where no terminal shows bars."""
    name = cell.folder.name
    text = f"finished {name}" if message.kind == "done" else f"failed {name}: {message.text}"
    console.print(f"[{done}/{total}] {text}", markup=False, highlight=False)


def work(link: Connection, gpu: int | None) -> None:
    """A worker process: carry out the cells that arrive until the link closes."""
    if gpu is not None:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(gpu))
    import torch

    from harness.run import execute

    _keep_memory()
    while True:
        try:
            cell: Cell = link.recv()
        except EOFError:
            return
        torch.set_num_threads(cell.run.threads)
        try:
            execute(cell, lambda phase, share: link.send(Message("progress", phase, share)))
        except Exception as error:  # whatever a run raises must not end the others
            line = str(error).splitlines()[0] if str(error) else ""
            link.send(Message("failed", f"{type(error).__name__}: {line}", trace=traceback.format_exc()))
        else:
            link.send(Message("done"))


def _keep_memory() -> None:
    """Have glibc keep freed blocks: returning each batch's activations to the kernel costs a page fault a page."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            trim_threshold, mmap_threshold = -1, -3
            libc.mallopt(mmap_threshold, 1 << 30)
            libc.mallopt(trim_threshold, 2**31 - 1)
