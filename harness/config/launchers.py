"""How a sweep is carried out, as opposed to what its runs are: the launchers' settings. Imports no
torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from harness.config.validate import ConfigError

MOST_WORKERS = 1_024
"""Processes of one launch; more are a slip of the finger."""


@dataclass(kw_only=True)
class Workers:
    """Settings of warm workers, wherever they are.

    Attributes:
        slots: workers: "auto" for `slots_per_gpu` per GPU, or one per CPU core without a GPU; or a
            number, spread over the GPUs in turn.
        slots_per_gpu: workers that share a GPU where `slots=auto`: "auto" for as many as its memory
            holds, at most `harness.engine.slots.MOST_PER_GPU`; or a number.
        retries: further tries of a run whose worker was killed, exited, hung or raised something
            unforeseen.
        timeout: seconds without any progress after which a run counts as hanging; 0 for no limit.
    """

    slots: Any = "auto"
    slots_per_gpu: Any = "auto"
    retries: int = 2
    timeout: float = 1800.0

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigError: with a line for every faulty key.
        """
        faults = []
        for key, value in (("slots", self.slots), ("slots_per_gpu", self.slots_per_gpu)):
            faults += _whole(key, value, MOST_WORKERS)
        if self.retries < 0:
            faults.append(f"hydra.launcher.retries={self.retries}: expected 0 or more")
        if not self.timeout >= 0:
            faults.append(f"hydra.launcher.timeout={self.timeout}: expected 0 or more seconds")
        if faults:
            raise ConfigError(faults)


@dataclass(kw_only=True)
class Pool(Workers):
    """Settings of the pool of worker processes, `hydra.launcher.KEY=VALUE`."""

    cores: ClassVar[None] = None


@dataclass(kw_only=True)
class Cluster(Workers):
    """Settings of the workers on a Ray cluster, `hydra/launcher=cluster hydra.launcher.KEY=VALUE`.

    Attributes:
        address: of the cluster: "auto" for the one that this machine is part of, or that
            RAY_ADDRESS names; "local" for one that is made of this machine and ends with the
            launch; `ray://HOST:PORT` or `HOST:PORT`.
    """

    cores: ClassVar[int] = 8
    address: str = "auto"

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigError: with a line for every faulty key.
        """
        faults = []
        if not re.fullmatch(r"auto|local|(ray://)?[\w.\-\[\]:]+:\d+", self.address):
            faults.append(
                f"hydra.launcher.address={self.address!r}: expected auto, local, ray://HOST:PORT "
                "or HOST:PORT"
            )
        try:
            super().check()
        except ConfigError as error:
            faults += error.faults
        if faults:
            raise ConfigError(faults)


@dataclass(kw_only=True)
class Slurm:
    """Settings of the Slurm launcher, `hydra/launcher=slurm hydra.launcher.KEY=VALUE`.

    Attributes:
        partition: where the jobs run; "" for the cluster's default.
        minutes: time limit of a job.
        runs_per_job: runs that a job carries out one after another, with one start for all: "auto"
            for some minutes of work, as finished runs tell; or a number.
        cpus: CPU cores of a job.
        gpus: GPUs of a job.
        memory_gb: memory of a job; 0 for the cluster's default.
        at_once: most jobs of the array that run at the same time.
        extra: further options of sbatch, name -> value.
        retries: further tries of a run whose job was killed, or that raised something unforeseen.
        detach: whether to return once the jobs are submitted; the same command later carries out
            what is missing.
    """

    partition: str = ""
    minutes: int = 60
    runs_per_job: Any = "auto"
    cpus: int = 1
    gpus: int = 0
    memory_gb: int = 0
    at_once: int = 256
    extra: dict[str, Any] = field(default_factory=dict)
    retries: int = 2
    detach: bool = False

    @property
    def cores(self) -> int:
        """CPU cores of a job."""
        return self.cpus

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigError: with a line for every faulty key.
        """
        faults = [
            f"hydra.launcher.{key}={value}: expected {least} to {most:,}"
            for key, least, most in (
                ("minutes", 1, 366 * 24 * 60),
                ("cpus", 1, MOST_WORKERS),
                ("gpus", 0, MOST_WORKERS),
                ("memory_gb", 0, 1_000_000),
                ("at_once", 1, 1_000_000),
                ("retries", 0, 1_000),
            )
            if not least <= (value := getattr(self, key)) <= most
        ]
        faults += _whole("runs_per_job", self.runs_per_job, 100_000)
        faults += _control_characters("hydra.launcher", asdict(self))
        if faults:
            raise ConfigError(faults)


def _whole(key: str, value: Any, most: int) -> list[str]:
    """A line for what is neither `auto` nor a number up to `most`."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value == "auto" or (whole and 0 < value <= most):
        return []
    return [f"hydra.launcher.{key}={value!r}: expected auto or a number from 1 to {most}"]


def _control_characters(key: str, value: Any) -> list[str]:
    """A line for each text with control characters in it, which would add a line to a script."""
    if isinstance(value, Mapping):
        faults = []
        for name, inner in value.items():
            faults += _control_characters(f"{key} (a key)", str(name))
            faults += _control_characters(f"{key}.{name}", inner)
        return faults
    if not isinstance(value, str) or value.isprintable():
        return []
    return [f"{key}={value!r}: expected text without control characters"]
