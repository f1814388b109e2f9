"""How a sweep is carried out, as opposed to what its runs are: the launchers' settings. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.validate import ConfigError


@dataclass(kw_only=True)
class Pool:
    """Settings of the pool of worker processes, `hydra.launcher.KEY=VALUE`.

    Attributes:
        slots: worker processes: "auto" for one per GPU (times `slots_per_gpu`), or one per CPU core without a GPU;
            or a number, spread over the GPUs in turn.
        slots_per_gpu: workers that share a GPU where `slots=auto`.
        retries: further tries of a run whose worker was killed, exited, hung or raised something unforeseen.
        timeout: seconds without any progress after which a run counts as hanging; 0 for no limit.
    """

    slots: Any = "auto"
    slots_per_gpu: int = 1
    retries: int = 2
    timeout: float = 1800.0

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigError: with a line for every faulty key.
        """
        whole = isinstance(self.slots, int) and not isinstance(self.slots, bool) and self.slots > 0
        faults = []
        if self.slots != "auto" and not whole:
            faults.append(f"hydra.launcher.slots={self.slots!r}: expected auto or a number above 0")
        if self.slots_per_gpu < 1:
            faults.append(f"hydra.launcher.slots_per_gpu={self.slots_per_gpu}: expected a number above 0")
        faults += tries_faults(self.retries, self.timeout)
        if faults:
            raise ConfigError(faults)


def tries_faults(retries: int, timeout: float) -> list[str]:
    """A line for each of the two settings that all launchers share, where it is faulty."""
    faults = []
    if retries < 0:
        faults.append(f"hydra.launcher.retries={retries}: expected 0 or more")
    if not timeout >= 0:
        faults.append(f"hydra.launcher.timeout={timeout}: expected 0 or more seconds")
    return faults
