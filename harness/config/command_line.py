"""`KEY=VALUE …` of the commands beside sweeps, composed from `conf/` and checked, with one line for
every fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config.validate import Config, ConfigError, keys, parse
from harness.paths import CONF


def command_line(
    name: str, kind: type[Config], arguments: Sequence[str], texts: Sequence[str] = ()
) -> Config:
    """The config of a command.

    Args:
        name: its file in `conf/`.
        kind: its schema.
        arguments: overrides in Hydra's grammar.
        texts: keys whose values are taken as they stand, whatever commas, quotes and brackets they
            hold.

    Raises:
        ConfigError: with a line for every fault.
    """
    given = {
        key: value
        for key, _, value in (argument.partition("=") for argument in arguments)
        if key in texts
    }
    others = [argument for argument in arguments if argument.partition("=")[0] not in texts]
    known = keys(kind)
    try:
        faults = []
        for override in OverridesParser.create().parse_overrides(others):
            key = (override.key_or_group or "").split("@")[0].replace("/", ".")
            if key not in known and not key.startswith("model.lr."):
                close = difflib.get_close_matches(key, known, n=1)
                hint = (
                    f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
                )
                faults.append(f"{override.input_line}: no such key {key}, {hint}")
        if faults:
            raise ConfigError(faults)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose(name, others)
        content = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([_line(error)]) from None
    assert isinstance(content, dict)
    return parse({str(key): value for key, value in content.items()} | given, kind)


def _line(error: Exception) -> str:
    """What is wrong, without the advice on Hydra's own options and search path that follows."""
    text = (
        str(error)
        .split("Config search path")[0]
        .split("\nSet the environment")[0]
        .split("\n    full_key")[0]
    )
    return " ".join(text.split())
