"""Hydra's own sweeper, without composing every job of a sweep a first time only to see whether it composes."""

# No `from __future__ import annotations`, as in pool_launcher.py.

from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore


@dataclass
class GridConfig(BasicSweeperConf):
    """Settings of Hydra's own sweeper."""

    _target_: str = "hydra_plugins.harness.grid_sweeper.GridSweeper"


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridConfig, provider="harness")


class GridSweeper(BasicSweeper):
    """The product of all swept values; our launchers compose and check all jobs before the first run."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Leave that to the launcher."""
