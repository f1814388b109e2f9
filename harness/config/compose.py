"""From the command line to checked configs, by Hydra's composing: one config of a command, or the
jobs of a sweep, each choice of groups composed once. No torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from harness.config.command_line import MOST_RUNS, Grammar, apart, grammar, read
from harness.config.faults import as_config_errors
from harness.config.overlay import Base, gives_scalar, related
from harness.config.schema import Run
from harness.config.search import search_path
from harness.config.validate import Config, ConfigError, parse

Checks = Sequence[Callable[[Any], list[str]]]

Part = TypeVar("Part", bound=Hashable)

Job = DictConfig | dict[str, Any]
"""A composed config, or the plain values that it comes to."""


class Jobs(NamedTuple):
    """A command line for runs, composed.

    Attributes:
        configs: of each run.
        overrides: of each run, in Hydra's words.
        launcher: the name of the chosen launcher.
        master: the config of the whole command, with Hydra's own part.
    """

    configs: list[Job]
    overrides: list[list[str]]
    launcher: str
    master: DictConfig


def opened(folders: Sequence[Path] = (), launchers: Mapping[str, object] | None = None) -> Hydra:
    """Hydra, looking where options may lie.

    Args:
        folders: further folders of options.
        launchers: name -> class of settings, which `hydra/launcher=NAME` chooses among.

    Raises:
        ConfigError: one of the folders is none.
    """
    version.setbase("1.3")
    loader = ConfigLoaderImpl(config_search_path=search_path(folders, Path.cwd()))
    for name, settings in (launchers or {}).items():
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=settings)
    return Hydra(task_name="harness", config_loader=loader)


def loader_of(hydra: Hydra) -> ConfigLoaderImpl:
    """Hydra's loader, of which `compose` uses more than its interface promises."""
    assert isinstance(hydra.config_loader, ConfigLoaderImpl)
    return hydra.config_loader


def command_config(
    name: str,
    kind: type[Config],
    arguments: Sequence[str],
    texts: Sequence[str] = (),
    checks: Checks = (),
) -> Config:
    """The checked config of a command.

    Args:
        name: its file in `conf/`.
        kind: its schema.
        arguments: `KEY=VALUE`, as written.
        texts: keys whose values are taken as they stand, whatever commas, quotes and brackets they
            hold.
        checks: further ones.

    Raises:
        ConfigError: with a line for every fault.
    """
    given, others = apart(arguments, texts)
    hydra = opened()
    overrides = read(others, grammar(kind), loader_of(hydra))
    with as_config_errors():
        composed = hydra.compose_config(name, overrides, RunMode.RUN)
    return parse({**plain(composed), **given}, kind, checks)


def plain(config: Job) -> dict[str, Any]:
    """A composed config without Hydra's part, as plain values.

    Raises:
        ConfigError: a value is missing or refers to none.
    """
    if not isinstance(config, DictConfig):
        return config
    with open_dict(config):
        config.pop("hydra", None)
    with as_config_errors():
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            raise ConfigError([f"{key}: missing, expected {key}=VALUE" for key in missing])
        content = OmegaConf.to_container(config, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def jobs_of(hydra: Hydra, arguments: Sequence[str], allowed: Grammar) -> Jobs:
    """Compose all runs that a command line asks for.

    Raises:
        ConfigError: with a line for every fault.
    """
    loader = loader_of(hydra)
    overrides = read(arguments, allowed, loader)
    with as_config_errors():
        master = hydra.compose_config("config", overrides, RunMode.MULTIRUN)
        swept = master.hydra.sweeper.get("params") or {}
        stored = read([f"{key}={value}" for key, value in swept.items()], allowed, loader)
        parser = OverridesParser.create(config_loader=loader)
        # As written: a value may refer to another one, which is none of Hydra's.
        written = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
        assert isinstance(written, list)
        lines = parser.parse_overrides([*stored, *map(str, written)])
        _check_number(lines)
        (jobs,) = BasicSweeper.split_arguments(lines, None)
        return Jobs(
            configs=compose(loader, master, jobs),
            overrides=jobs,
            launcher=str(master.hydra.runtime.choices["hydra/launcher"]),
            master=master,
        )


def _check_number(lines: Sequence[Override]) -> None:
    """Refuse a product of values that is too large, before it is made.

    Raises:
        ConfigError: it is.
    """
    swept = {line.get_key_element(): line for line in lines}.values()
    counts = [len(list(line.sweep_iterator())) for line in swept if line.is_sweep_override()]
    if math.prod(counts) > MOST_RUNS:
        raise ConfigError([f"{math.prod(counts)} runs, expected at most {MOST_RUNS} a sweep"])


def compose(
    loader: ConfigLoaderImpl,
    master: DictConfig,
    jobs: Sequence[Sequence[str]],
    bases: dict[tuple[str, ...], Base] | None = None,
) -> list[Job]:
    """What `loader.load_sweep_config` gives for every job, without its `hydra` node, in a fraction
    of the time.

    Composing from the defaults list is what takes Hydra long, and jobs that choose the same groups
    share it; those that only give other scalars come as plain values (`harness.config.overlay`).

    Args:
        loader: Hydra's own.
        master: the config of the whole command.
        jobs: the overrides of each job.
        bases: choice of groups -> what was composed for it before; others are added.

    Raises:
        HydraException: an override does not fit; what Hydra says of it.
    """
    parser = OverridesParser.create(config_loader=loader)
    bases = {} if bases is None else bases
    parsed: dict[str, Override] = {}
    chooses: dict[str, bool] = {}
    composed: list[Job] = []
    for job in jobs:
        for line in job:
            if line not in parsed:
                parsed[line] = parser.parse_override(line)
                chooses[line] = _chooses(loader, parsed[line])
        groups = tuple(line for line in job if chooses[line])
        if groups not in bases:
            config = loader.load_sweep_config(master, list(groups))
            with open_dict(config):
                del config["hydra"]
            bases[groups] = Base(config)
        # What OmegaConf has to see to comes first, for mostly all jobs have it in common.
        values = [line for line in job if not chooses[line]]
        first = tuple(line for line in values if not gives_scalar(parsed[line]))
        later = [parsed[line] for line in values if line not in first]
        if any(related(parsed[line], other) for line in first for other in later):
            first, later = tuple(values), []
        if first and (*groups, *first) not in bases:
            config = _applied(loader, bases[groups], [parsed[line] for line in first])
            bases[*groups, *first] = Base(config)
        base = bases[*groups, *first]
        composed.append(base.overlaid(later) or _applied(loader, base, later))
    return composed


def _applied(loader: ConfigLoaderImpl, base: Base, lines: Sequence[Override]) -> DictConfig:
    """A composed config with overrides, as Hydra applies them."""
    config = copy.deepcopy(base.config)
    loader._apply_overrides_to_config(list(lines), config)
    return config


def _chooses(loader: ConfigLoaderImpl, override: Override) -> bool:
    """Whether an override picks a group's option or is Hydra's own, rather than setting a value."""
    return override.is_hydra_override() or bool(
        loader.repository.group_exists(override.key_or_group)
    )


def parse_all(jobs: Sequence[Job], checks: Checks = ()) -> list[Run]:
    """The checked configs of all jobs.

    Raises:
        ConfigError: with every distinct fault of every job.
    """
    runs, faults = [], []
    for job in jobs:
        try:
            runs.append(parse(plain(job), Run, checks))
        except ConfigError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ConfigError(faults)
    return runs


def once(
    part: Callable[[Run], Part], faults: Callable[[Part], list[str]]
) -> Callable[[Run], list[str]]:
    """A check of one part of a run, carried out once for all runs that have it in common.

    Args:
        part: of a run; hashable.
        faults: a line for each thing that is wrong with it.
    """
    known: dict[Part, list[str]] = {}

    def check(run: Run) -> list[str]:
        own = part(run)
        if own not in known:
            known[own] = faults(own)
        return known[own]

    return check
