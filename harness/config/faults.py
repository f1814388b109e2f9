"""What Hydra, OmegaConf and YAML say of a mistake, in one line of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from harness.config.hints import nearest
from harness.config.validate import ConfigError


@contextmanager
def as_config_errors() -> Iterator[None]:
    """Turn what composing raises into a ConfigError of one line."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError([line_of(error)]) from None
    except RecursionError:
        raise ConfigError(["nested or interpolated too deeply, expected a plain config"]) from None


def line_of(error: Exception) -> str:
    """What is wrong, without the advice on Hydra's own options and search path that follows."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read, expected KEY=VALUE"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return missing_option(f"{group}={name}", name, error.options)
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        error = cause
    lines = str(error).splitlines() or [type(error).__name__]
    # A line that ends with a colon says where; the next one says what.
    first = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).strip()
    found = re.search(r"full_key: (\S+)", str(error))
    key = found[1] if found else None
    if first.startswith("Missing mandatory value"):
        return f"{key or first.rpartition(': ')[2]}: missing, expected {key or 'KEY'}=VALUE"
    first = re.sub(r"^Error merging override (\S+)$", r"\1: does not fit", first)
    return f"{key}: {first}" if key and key not in first else first


def missing_option(argument: str, name: object, options: Sequence[str]) -> str:
    """The line for an option that a group has not.

    Args:
        argument: what asks for it.
        name: the option.
        options: what the group has; empty where there is no such group.
    """
    if not options:
        return f"{argument}: there are no such options"
    meant = nearest(str(name), options)
    asked = f"did you mean {meant}? " if meant else ""
    return f"{argument}: no such option {name}, {asked}expected one of {', '.join(options)}"
