"""Where Hydra looks for options: our `conf/` and `sweeps/`, and folders of these names that the
user has. Nothing else that lies there is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from yaml import MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

from harness.config.hints import hint
from harness.config.kinds import schemas, types_of
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.paths import CONF, SWEEPS
from harness.records.storage import RecordError
from harness.records.yaml_text import read_text

GROUPS = ("mask", "model", "data", "train", "score")
"""Groups of options that a run is made of."""

OF_HYDRA = ("sweeper", "launcher")
"""Hydra's own keys that a stored sweep may set."""


class OurConf(FileConfigSource):
    """The package's `conf/`; a broken file there is one line with its place."""

    @staticmethod
    def scheme() -> str:
        """How the search path names this kind of place."""
        return "conf"

    def load_config(self, config_path: str) -> ConfigResult:
        """As Hydra's.

        Raises:
            ConfigError: the file is not YAML, not UTF-8 or no mapping, or has keys that its group
                has not.
        """
        path = Path(self.path, self._normalize_file_name(config_path))
        text = ""
        try:
            text = read_text(path)
            loaded = super().load_config(config_path)
        except RecordError as error:
            raise ConfigError([str(error)]) from None
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError([f"{path}:{line}: {_first_line(error)}, expected YAML"]) from None
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError([f"{path}:{line}: {_said(error)}, expected YAML"]) from None
        except (YAMLError, RecursionError, ValueError) as error:
            raise ConfigError([f"{path}: {_first_line(error)}, expected YAML in UTF-8"]) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise ConfigError([f"{path}: expected KEY: VALUE lines"]) from None
        if not OmegaConf.is_dict(loaded.config):
            raise ConfigError([f"{path}: a list, expected KEY: VALUE lines"])
        faults = _out_of_place(config_path, loaded)
        if faults:
            raise ConfigError([f"{path}: {fault}" for fault in faults])
        return loaded

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """What a folder holds; what begins with `_` is for other files alone."""
        names = super().list(config_path, results_filter)
        return [name for name in names if not name.startswith("_")]


class Options(OurConf):
    """A user's `conf/`, of which the groups of a run and Hydra's own are seen."""

    SEEN: tuple[str, ...] = (*GROUPS, "hydra")

    @staticmethod
    def scheme() -> str:
        """How the search path names this kind of place."""
        return "options"

    def is_group(self, config_path: str) -> bool:
        """Whether a folder of options is there and seen."""
        return self._sees(config_path) and super().is_group(config_path)

    def is_config(self, config_path: str) -> bool:
        """Whether an option is there and seen."""
        return self._sees(config_path) and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """What a folder holds of what is seen."""
        names = super().list(config_path, results_filter)
        return names if config_path else [name for name in names if name in self.SEEN]

    def _sees(self, config_path: str) -> bool:
        parts = config_path.strip("/").split("/")
        return parts == [""] or parts[0] in self.SEEN


class StoredSweeps(Options):
    """The folder that holds `sweeps/`, of which nothing else is seen."""

    SEEN = ("sweeps",)

    @staticmethod
    def scheme() -> str:
        """How the search path names this kind of place."""
        return "sweeps"


def search_path(folders: Sequence[Path], working: Path) -> ConfigSearchPathImpl:
    """The places to look in, the first that has an option wins.

    Args:
        folders: of options that the command line names.
        working: the working folder, whose `conf/` and `sweeps/` count too.

    Raises:
        ConfigError: one of `folders` is none.
    """
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        raise ConfigError([f"--config-dir={folder}: no such folder" for folder in missing])
    for source in (OurConf, Options, StoredSweeps):
        Plugins.instance().register(source)
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"conf://{CONF}")
    named = {folder.resolve(): "command line" for folder in folders}
    own = (working / "conf").resolve()
    if own.is_dir() and own != CONF:
        named.setdefault(own, "working folder")
    for folder, name in named.items():
        path.append(name, f"options://{folder}")
    for root in dict.fromkeys((SWEEPS.parent, working)):
        path.append("stored sweeps", f"sweeps://{root}")
    path.append("schema", "structured://")
    return path


def _out_of_place(config_path: str, loaded: ConfigResult) -> list[str]:
    """A line for each key that an option's group has not or that Hydra would obey elsewhere, and
    for an option made of itself.
    """
    group, _, name = config_path.removesuffix(".yaml").rpartition("/")
    content = OmegaConf.to_container(loaded.config)
    assert isinstance(content, dict)
    if group.partition("/")[0] == "sweeps":
        of_hydra = content.get("hydra")
        return [
            f"hydra.{key}: not obeyed here, expected hydra.{' or hydra.'.join(OF_HYDRA)}"
            for key in (of_hydra if isinstance(of_hydra, dict) else ())
            if key not in OF_HYDRA
        ]
    if group not in GROUPS or loaded.header.get("package"):
        return []
    bases = content.get("defaults")
    if isinstance(bases, list) and name in bases:
        return [f"defaults: [{name}] is this file itself"]
    kinds = schemas(types_of(Run)[group])
    known = [field.name for kind in kinds for field in fields(kind)]
    unknown = [str(key) for key in content if key not in (*known, "defaults")]
    return [f"{key}: no such key, {hint(key, known)}" for key in unknown]


def _said(error: MarkedYAMLError) -> str:
    return " ".join(str(error.problem or error.context or "broken").split())


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
