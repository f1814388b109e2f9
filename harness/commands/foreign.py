"""Launchers of others, found by Hydra in `hydra_plugins`, such as joblib's: a run each, without our
engine.
"""

from __future__ import annotations

from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.config.compose import Jobs
from harness.config.launchers import Pool


def launch(hydra: Hydra, jobs: Jobs) -> int:
    """Hand all runs to the chosen launcher; returns the exit code.

    Whatever a run raises comes out of it as the launcher has it.
    """
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(jobs.master))
    launcher = Plugins.instance().instantiate_launcher(context, one_run, jobs.master)
    ended = launcher.launch(jobs.overrides, initial_job_idx=0)
    return max([int(each.return_value) for each in ended], default=0)


def one_run(config: DictConfig) -> Any:
    """What such a launcher calls, perhaps on another machine: one run and its report."""
    from harness.commands.run import carry_out, checked_runs

    overrides = [list(HydraConfig.get().overrides.task)]
    return carry_out(checked_runs([config], overrides), "pool", Pool(slots=1))
