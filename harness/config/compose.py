"""Compose the configs of all jobs of a sweep: each choice of groups once, its values on a copy. No
torch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from harness.config.schema import Run
from harness.config.validate import ConfigError, parse


def compose(
    loader: ConfigLoader, master: DictConfig, jobs: Sequence[Sequence[str]]
) -> list[DictConfig]:
    """What `loader.load_sweep_config` gives for every job, without its `hydra` node, in a fraction
    of the time.

    Composing from the defaults list is what takes Hydra long, and jobs that choose the same groups
    share it.

    Args:
        loader: Hydra's own.
        master: the config of the whole command.
        jobs: the overrides of each job.

    Raises:
        HydraException: an override does not fit; what Hydra says of it.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    parser = OverridesParser.create(config_loader=loader)
    bases: dict[tuple[str, ...], DictConfig] = {}
    parsed: dict[str, Override] = {}
    composed = []
    for job in jobs:
        for line in job:
            if line not in parsed:
                parsed[line] = parser.parse_override(line)
        shared = tuple(line for line in job if _chooses(loader, parsed[line]))
        if shared not in bases:
            bases[shared] = loader.load_sweep_config(master, list(shared))
            with open_dict(bases[shared]):
                del bases[shared]["hydra"]
        config = copy.deepcopy(bases[shared])
        loader._apply_overrides_to_config(
            [parsed[line] for line in job if line not in shared], config
        )
        composed.append(config)
    return composed


def _chooses(loader: ConfigLoaderImpl, override: Override) -> bool:
    """Whether an override picks a group's option or is Hydra's own, rather than setting a value."""
    return override.is_hydra_override() or bool(
        loader.repository.group_exists(override.key_or_group)
    )


def parse_all(
    jobs: Sequence[DictConfig], checks: Sequence[Callable[[Run], list[str]]] = ()
) -> list[Run]:
    """The checked configs of all jobs.

    Raises:
        ConfigError: with every distinct fault of every job.
    """
    runs, faults = [], []
    for job in jobs:
        content = OmegaConf.to_container(job, resolve=True)
        assert isinstance(content, dict)
        content.pop("hydra", None)
        try:
            runs.append(parse({str(key): value for key, value in content.items()}, Run, checks))
        except ConfigError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ConfigError(faults)
    return runs
