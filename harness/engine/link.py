"""What the launcher `cluster` asks of a cluster: machines, actors, calls and their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.run.identity import provenance
from harness.run.inputs import Input

SAME = ("torch", "numpy", "prompt-mask-harness")
"""Packages whose versions must agree, for figures depend on them."""


class Node(NamedTuple):
    """A machine of a cluster.

    Attributes:
        number: the cluster's own name for it.
        host: its name for people.
        cpus, gpus: that the cluster may hand out.
    """

    number: str
    host: str
    cpus: int
    gpus: int


class Seen(NamedTuple):
    """What a machine is like, as seen from it.

    Attributes:
        shared: whether it sees the launch's folder.
        missing: names of the inputs that it does not see at their own place.
        gpu_bytes: memory of its smallest GPU; 0 where it has none, or shows none.
        versions: of the code and the packages that figures depend on.
    """

    shared: bool
    missing: frozenset[str]
    gpu_bytes: int
    versions: dict[str, str]


class Share(NamedTuple):
    """What an actor takes of a machine: CPUs and GPUs, which may be a fraction of one."""

    cpus: int
    gpus: float


class Gone(RuntimeError):
    """What was asked is dead, or raised: one line."""


class Link(Protocol):
    """The cluster, as the launch sees it. Whatever stands for an answer is hashable.

    Attributes:
        fetch: the content that `put` keeps, on whatever machine of the cluster.
    """

    fetch: Callable[[Any], bytes]

    def nodes(self) -> list[Node]:
        """The machines that are alive."""

    def look(self, node: Node, probe: Path, token: str, inputs: Mapping[str, Input]) -> Any:
        """Ask for what a machine is like: `look` on it."""

    def start(self, node: Node, share: Share) -> Any:
        """Start an actor."""

    def call(self, actor: Any, method: str, *arguments: Any) -> Any:
        """Call a method of an actor."""

    def wait(self, answers: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those that are there, waiting so long for the first."""

    def get(self, answer: Any) -> Any:
        """An answer that is there.

        Raises:
            Gone: there will be none.
        """

    def put(self, content: bytes) -> Any:
        """Have the cluster keep content; returns what stands for it."""

    def kill(self, actor: Any) -> None:
        """Kill an actor, and all that it holds."""


def versions() -> dict[str, str]:
    """What the figures of this process depend on; the commit is "" outside a checkout."""
    found = provenance()
    return {"commit": found["commit"], **{name: found["versions"][name] for name in SAME}}


def look(probe: Path, token: str, inputs: Mapping[str, Input]) -> Seen:
    """What this machine is like.

    Args:
        probe: a file of the launch's, which holds `token`.
        token: of the launch.
        inputs: what its runs read.
    """
    import torch

    try:
        shared = probe.read_text() == token
    except OSError:
        shared = False
    sizes = [
        torch.cuda.get_device_properties(gpu).total_memory
        for gpu in range(torch.cuda.device_count())
    ]
    missing = frozenset(name for name, each in inputs.items() if not each.lies_here())
    return Seen(shared, missing, min(sizes, default=0), versions())


def unlike(theirs: Mapping[str, str]) -> str:
    """In what a machine's versions differ from ours; "" where in nothing."""
    return ", ".join(
        f"{name} {theirs.get(name) or 'none'} there, {own} here"
        for name, own in versions().items()
        if own != theirs.get(name) and not (name == "commit" and not (own and theirs.get(name)))
    )
