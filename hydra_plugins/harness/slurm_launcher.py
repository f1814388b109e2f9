"""The `slurm` launcher: as the pool, but every run is a job of one Slurm array."""

# No `from __future__ import annotations`, as in pool_launcher.py.

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore

from harness.config.launchers import Slurm
from hydra_plugins.harness.pool_launcher import PoolLauncher


@dataclass
class SlurmConfig(Slurm):
    """The Slurm launcher's settings, as Hydra takes them."""

    _target_: str = "hydra_plugins.harness.slurm_launcher.SlurmLauncher"


ConfigStore.instance().store(
    group="hydra/launcher", name="slurm", node=SlurmConfig, provider="harness"
)


class SlurmLauncher(PoolLauncher):
    """Composes every job of a sweep, then hands all of them to `harness.engine.slurm`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Slurm(**settings)
