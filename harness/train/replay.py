"""Work of fixed shapes on a GPU, recorded once and then launched as one CUDA graph.

An optimiser step of a small model is a thousand kernels. The host takes longer to launch them one
by one than the GPU takes to carry them out.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import torch
from torch import Tensor

Work = Callable[[Sequence[Tensor], int], Tensor]
"""Kernels alone, of tensors and of a number that makes the work another one: it looks at no
tensor's content on the host. It may keep state in place.
"""


class _Recorded(NamedTuple):
    """A graph, the tensors that it reads its input from, and the one that it writes to."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    output: Tensor


class Replays:
    """Graphs of one piece of work, by the shapes of its input.

    All share their memory: nothing of one is needed once another runs, since outputs are copied.
    """

    def __init__(self, work: Work) -> None:
        """Nothing is recorded yet."""
        self._work = work
        self._ready = False
        self._recorded: dict[Hashable, _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream()  # one for all: cuBLAS keeps memory for every stream

    def __len__(self) -> int:
        """Graphs recorded."""
        return len(self._recorded)

    def __call__(self, inputs: Sequence[Tensor], kind: int = 0) -> Tensor:
        """The work's output.

        The first input is carried out kernel by kernel, which readies what must not be made while a
        graph is recorded.

        Args:
            inputs: on the GPU.
            kind: the work's number.

        Raises:
            torch.OutOfMemoryError: memory does not suffice for a graph.
            torch.AcceleratorError: a graph cannot be recorded. Nothing was carried out.
        """
        key = (kind, *(tensor.shape for tensor in inputs))
        if not self._ready:
            self._ready = True
            return self._work(inputs, kind)
        if key not in self._recorded:
            self._recorded[key] = self._record(inputs, kind)
        recorded = self._recorded[key]
        torch._foreach_copy_(recorded.inputs, list(inputs))
        recorded.graph.replay()
        return recorded.output.clone()

    def _record(self, inputs: Sequence[Tensor], kind: int) -> _Recorded:
        own = [tensor.clone() for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        if not self._recorded:  # what the work took outside a graph, graphs cannot use
            torch.cuda.empty_cache()
        with torch.cuda.stream(self._stream), _uncollected():
            graph.capture_begin(self._pool)
            try:
                output = self._work(own, kind)
            except BaseException:
                with suppress(RuntimeError):  # says only that something went wrong before
                    graph.capture_end()
                raise
            graph.capture_end()
        return _Recorded(graph, own, output)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected: a graph among it would be destroyed, which ends a recording."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
