"""The cluster that Ray Core makes of machines."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.engine.actor import Actor
from harness.engine.launchers import LaunchError
from harness.engine.link import Gone, Node, Share, look
from harness.run.inputs import Input

SHORT = "/tmp"
"""Below it lie the sockets of a cluster of this machine alone: their paths have 107 bytes at
most.
"""


@contextmanager
def connected(address: str, cpus: int) -> Iterator[RayLink]:
    """The cluster at an address, for the block.

    Args:
        address: as in `harness.config.launchers.Cluster`.
        cpus: of a cluster of this machine alone.

    Raises:
        LaunchError: there is no Ray here, or no cluster there.
    """
    # No word to anybody, and no upload of the working folder where uv runs us.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster that is made here
    if (Path.home() / ".ray" / "auth_token").is_file():  # `ray start` asks for it wherever it lies,
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # and Ray shows it unasked to `auto` alone
    try:
        import ray
    except ImportError:
        raise LaunchError(
            "hydra/launcher=cluster needs ray: pip install 'prompt-mask-harness[cluster]'"
        ) from None
    options: dict[str, Any] = {"address": address, "log_to_driver": False}
    folder = ""
    if address == "local":
        folder = tempfile.mkdtemp(prefix="ray", dir=SHORT)
        options |= {"_temp_dir": folder, "include_dashboard": False, "num_cpus": cpus}
    if address.startswith("ray://"):
        logging.getLogger("ray.client_builder").setLevel(logging.ERROR)
    else:
        options["logging_level"] = logging.ERROR
    try:
        ray.init(**options)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise LaunchError(f"hydra.launcher.address={address}: {said}") from None
    try:
        yield RayLink(ray)
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


class RayLink:
    """See `harness.engine.link.Link`."""

    def __init__(self, ray: Any) -> None:
        """Keep the library, once it is connected."""
        self._ray = ray
        self.fetch: Callable[[Any], bytes] = fetch
        # Nothing is tried again by Ray: that is the pool's business, which counts.
        self._actor = ray.remote(Actor)
        self._look = ray.remote(max_calls=1)(look)  # a process that ends: it holds nothing of a GPU

    def nodes(self) -> list[Node]:
        """The machines that are alive."""
        return [
            Node(
                each["NodeID"],
                f"{each['NodeManagerHostname']} ({each['NodeManagerAddress']})",
                int(each["Resources"].get("CPU", 0)),
                int(each["Resources"].get("GPU", 0)),
            )
            for each in self._ray.nodes()
            if each["Alive"]
        ]

    def look(self, node: Node, probe: Path, token: str, inputs: Mapping[str, Input]) -> Any:
        """Ask for what a machine is like, by a process that ends and holds nothing of a GPU."""
        where = self._on(node)
        scout = self._look.options(num_cpus=0, max_retries=0, **where)
        return scout.remote(probe, token, inputs)

    def start(self, node: Node, share: Share) -> Any:
        """Start an actor."""
        return self._actor.options(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_restarts=0,
            max_task_retries=0,
            **self._on(node),
        ).remote()

    def call(self, actor: Any, method: str, *arguments: Any) -> Any:
        """Call a method of an actor."""
        return getattr(actor, method).remote(*arguments)

    def wait(self, answers: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those that are there, waiting so long for the first."""
        ready, others = self._ray.wait(list(answers), num_returns=1, timeout=seconds)
        if ready and others:
            more, _ = self._ray.wait(others, num_returns=len(others), timeout=0)
            ready += more
        return list(ready)

    def get(self, answer: Any) -> Any:
        """An answer that is there.

        Raises:
            Gone: there will be none.
        """
        try:
            return self._ray.get(answer)
        except Exception as error:  # what Ray says of the dead, or what was raised there
            raise Gone(_line(error)) from None

    def put(self, content: bytes) -> Any:
        """Have the cluster keep content."""
        return self._ray.put(content)

    def kill(self, actor: Any) -> None:
        """Kill an actor, and all that it holds."""
        self._ray.kill(actor, no_restart=True)

    def _on(self, node: Node) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.number, soft=False)}


def fetch(reference: Any) -> bytes:
    """The content that `RayLink.put` keeps, on whatever machine of the cluster."""
    import ray

    content: bytes = ray.get(reference)
    return content


def _line(error: Exception) -> str:
    """What Ray says of an error, in one line: the detail of a death, or the error itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        for mark in ("Worker exit detail: ", "because its node has died", "its node "):
            if mark in line:
                return line[line.index(mark) :].removeprefix("Worker exit detail: ")
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}".splitlines()[0]
    return lines[-1] if lines else type(error).__name__
