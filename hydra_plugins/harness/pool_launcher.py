"""Hydra's side of the sweep engine: the `pool` launcher, and the search path that holds the stored
sweeps.
"""

# No `from __future__ import annotations`: Hydra executes this file before it is in sys.modules,
# where a dataclass would look its string annotations up.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.config.launchers import Pool, Slurm


@dataclass
class PoolConfig(Pool):
    """The pool's settings, as Hydra takes them."""

    _target_: str = "hydra_plugins.harness.pool_launcher.PoolLauncher"


ConfigStore.instance().store(
    group="hydra/launcher", name="pool", node=PoolConfig, provider="harness"
)


class PoolLauncher(Launcher):
    """Composes every job of a sweep, then hands all of them to `harness.engine.sweep`."""

    def __init__(self, **settings: Any) -> None:
        self.settings: Pool | Slurm = Pool(**settings)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra hands to a launcher."""
        self.context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the sweep; raises SystemExit where a config is faulty or a run failed."""
        from harness.__main__ import run_sweep
        from harness.config.compose import compose

        jobs = compose(self.context.config_loader, self.config, job_overrides)
        run_sweep(jobs, job_overrides, self.settings)
        return [
            JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
            for overrides in job_overrides
        ]


class StoredSweeps(SearchPathPlugin):
    """Lets `+sweeps=NAME` find the project's stored sweeps from any working directory."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folder above `sweeps/`."""
        from harness.paths import SWEEPS

        search_path.append("harness", f"file://{SWEEPS.parent}")
