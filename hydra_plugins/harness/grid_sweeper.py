"""Hydra's own sweeper, without composing every job of a sweep a first time only to see whether it
composes.
"""

# No `from __future__ import annotations`, as in pool_launcher.py.

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from omegaconf import open_dict

from harness.config.launch_keys import spelled_out


@dataclass
class GridConfig(BasicSweeperConf):
    """Settings of Hydra's own sweeper."""

    _target_: str = "hydra_plugins.harness.grid_sweeper.GridSweeper"


ConfigStore.instance().store(
    group="hydra/sweeper", name="grid", node=GridConfig, provider="harness"
)


class GridSweeper(BasicSweeper):
    """The product of all swept values; our launchers compose and check all jobs before the first
    run.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """As Hydra's, but its `multirun.yaml` goes where it is soon forgotten: plan and runs hold
        their configs.
        """
        assert self.config is not None
        with tempfile.TemporaryDirectory() as folder, open_dict(self.config):
            self.config.hydra.sweep.dir = folder
            return super().sweep(arguments)

    def _parse_config(self) -> list[str]:
        """The parameters that a stored sweep names, short spellings spelled out."""
        return spelled_out(super()._parse_config())

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Leave that to the launcher."""
