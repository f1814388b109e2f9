"""The launchers by name, and the one door to all of them: `carry_out`. No torch.

A launcher is one function: given runs that are to be carried out, it returns once they have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rich.console import Console

from harness.config.launchers import Cluster, Pool, Slurm
from harness.config.registry import Registry
from harness.config.schema import Run
from harness.engine.early import early

if TYPE_CHECKING:
    from harness.engine.job import Job


class LaunchError(RuntimeError):
    """No run can be started at all: one line."""


class Outcome(NamedTuple):
    """How a launch ended, in numbers of runs.

    Attributes:
        finished: by this launch.
        skipped: finished before, or by another launch meanwhile.
        failed: by this launch, or before and left so.
        pending: handed over to be carried out later.
    """

    finished: int
    skipped: int
    failed: int
    pending: int = 0


class Settings(Protocol):
    """Settings of a launcher: a dataclass with a default for every key."""

    @property
    def cores(self) -> int | None:
        """CPU cores of the machine on which a run is carried out; None for this machine."""

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigError: with a line for every faulty key.
        """


Launch = Callable[[Sequence["Job"], Any, Console], Outcome]
"""Carries out the runs of some jobs, the largest first, with its settings, and shows progress on a
console. May raise LaunchError, OSError, and KeyboardInterrupt when it is stopped.
"""


class Launcher(NamedTuple):
    """A launcher.

    Attributes:
        settings: the dataclass of its settings.
        launch: what carries the runs out.
        extra: the extra of the package that it needs; "" for none.
    """

    settings: Callable[..., Settings]
    launch: Launch
    extra: str = ""


def _pool(jobs: Sequence[Job], settings: Pool, console: Console) -> Outcome:
    from harness.engine.local import launch

    return launch(jobs, settings, console)


def _slurm(jobs: Sequence[Job], settings: Slurm, console: Console) -> Outcome:
    from harness.engine.slurm import launch

    return launch(jobs, settings, console)


def _cluster(jobs: Sequence[Job], settings: Cluster, console: Console) -> Outcome:
    from harness.engine.cluster import launch

    return launch(jobs, settings, console)


LAUNCHERS: Registry[Launcher] = Registry("hydra/launcher")
"""Launchers by name; a plugin adds its own."""

LAUNCHERS.add("pool", Launcher(Pool, _pool))
LAUNCHERS.add("cluster", Launcher(Cluster, _cluster, "cluster"))
LAUNCHERS.add("slurm", Launcher(Slurm, _slurm, "slurm"))


def carry_out(runs: Sequence[Run], launcher: str, settings: Settings, console: Console) -> Outcome:
    """Carry out every run that is not finished yet.

    Args:
        runs: checked configs; their folders may hold earlier results.
        launcher: a name of `LAUNCHERS`.
        settings: of the launcher.
        console: where progress is shown.

    Raises:
        ConfigError: settings or runs that cannot work, before any is started.
        OSError: the sweep's folder cannot be written.
        LaunchError: no run can be started at all.
        KeyboardInterrupt: stopped; what had finished by then is kept.
    """
    settings.check()
    with early(runs, settings):
        from harness.engine.sweep import launch

        return launch(runs, launcher, settings, console)
