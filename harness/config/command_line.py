"""The one reader of `KEY=VALUE …`: what a user writes, checked and put in Hydra's words, with a
line for every fault.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, QuotedString
from hydra.errors import HydraException

from harness.config.faults import missing_option
from harness.config.hints import hint
from harness.config.implied import implied
from harness.config.kinds import schemas, types_of
from harness.config.launch_keys import PREFIX, spelled_out
from harness.config.validate import ConfigError, keys

MOST_RUNS = 100_000
"""Values of one key, and runs of one sweep, beyond which a slip is likelier than a wish."""

PLACES = ("hydra.run.", "hydra.sweep.", "hydra.output_subdir")
"""Keys by which other Hydra applications say where their runs lie."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that add lines to scripts, turn text around on a terminal, or are no text at all."""


class Grammar(NamedTuple):
    """What may be written.

    Attributes:
        keys: dotted keys with a value or a group of options.
        texts: of these, the keys whose value is a text, such as a path.
        entries: keys of mappings, whose entries are free here and checked later.
        lists: keys whose value may be a list.
        launcher: `hydra.launcher.KEY` of the launcher; None where anything may follow it.
        many: whether a key may have several values.
    """

    keys: tuple[str, ...]
    texts: frozenset[str]
    entries: tuple[str, ...]
    lists: frozenset[str]
    launcher: tuple[str, ...] | None = ()
    many: bool = False


def grammar(kind: type) -> Grammar:
    """What the command line of a config class may hold: one value a key."""
    hints = {key.removeprefix(PREFIX): of for key, of in _hints(kind)}
    return Grammar(
        keys=tuple(key.removeprefix(PREFIX) for key in keys(kind)),
        texts=frozenset(key for key, of in hints.items() if of in (str, str | list[str])),
        entries=tuple(key for key, of in hints.items() if dict in _origins(of)),
        lists=frozenset(key for key, of in hints.items() if list in _origins(of)),
    )


def _origins(of: Any) -> set[Any]:
    """What a type is made of: {dict, NoneType} of `dict[str, str] | None`."""
    parts = get_args(of) if get_origin(of) in (Union, UnionType) else (of,)
    return {get_origin(part) or part for part in parts}


def _hints(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key of a config class with its type."""
    types = types_of(kind)
    for field in fields(kind):
        of = types[field.name]
        yield prefix + field.name, of
        for schema in schemas(of):
            yield from _hints(schema, f"{prefix}{field.name}.")


def read(arguments: Sequence[str], allowed: Grammar, loader: ConfigLoaderImpl) -> list[str]:
    """The overrides that Hydra is to be given.

    Args:
        arguments: `KEY=VALUE`, as written.
        allowed: the keys.
        loader: knows the options of each group.

    Raises:
        ConfigError: with a line for every fault.
    """
    parser = OverridesParser.create(config_loader=loader)
    stored = [text.partition("=")[2] for text in arguments if re.match(r"\+?sweeps=", text)]
    faults: list[str] = []
    overrides = []
    for argument in implied(arguments) if "data.path" in allowed.keys else arguments:
        if _CONTROL.search(argument):
            faults.append(f"{argument!r}: expected text without control characters")
            continue
        try:
            words = _in_hydras_words(argument, allowed, stored[-1] if stored else "", parser)
            (override,) = spelled_out([words]) if "launch" in allowed.keys else [words]
            (parsed,) = parser.parse_overrides([override])
            _check_values(argument, parsed, allowed, loader)
            overrides.append(override)
        except ConfigError as error:
            faults += error.faults
        except (HydraException, RecursionError):
            quoted = shlex.quote(f'{argument.partition("=")[0]}="VALUE"')
            faults.append(f"{argument}: cannot be read, expected KEY=VALUE, or {quoted}")
    if faults:
        raise ConfigError(faults)
    return overrides


def _in_hydras_words(argument: str, allowed: Grammar, stored: str, parser: OverridesParser) -> str:
    """An argument as an override of Hydra's.

    Raises:
        ConfigError: the key is none, or there is no value.
        HydraException: the value cannot be read.
    """
    written, equals, value = argument.partition("=")
    key = written.lstrip("+").removeprefix(PREFIX)
    if not equals:
        raise ConfigError([f"{argument or repr(argument)}: expected KEY=VALUE"])
    if key == "sweeps" and allowed.launcher != ():
        if not allowed.many:
            raise ConfigError([f"{argument}: a stored sweep has many runs, expected -m"])
        return f"+sweeps={value}"
    if key == "preset" and stored:
        return f"sweeps/{stored}@_global_={value}"
    if re.match(r"hydra[./]", key) and allowed.launcher != ():
        return _for_launcher(argument, key, allowed)
    if key in allowed.texts:
        return f"{written}={quoted(value, parser)}"
    if key in allowed.keys:
        return argument
    if key.rpartition(".")[0] in allowed.entries:
        return f"++{key}={value}"
    raise ConfigError([f"{argument}: no such key {key}, {hint(key, allowed.keys)}"])


def _for_launcher(argument: str, key: str, allowed: Grammar) -> str:
    """An argument for the launcher; Hydra's other keys have no effect here.

    Raises:
        ConfigError: it is one of these.
    """
    if key.startswith(PLACES):
        raise ConfigError(
            [f"{argument}: not obeyed here, expected runs=FOLDER and sweep=NAME, where runs lie"]
        )
    if key != "hydra/launcher" and not key.startswith("hydra.launcher."):
        raise ConfigError(
            [f"{argument}: not obeyed here, expected hydra/launcher=NAME or hydra.launcher.KEY=…"]
        )
    settings = allowed.launcher
    if key == "hydra/launcher" or settings is None:
        return argument
    if key not in settings and key.rpartition(".")[0] not in settings:
        raise ConfigError([f"{argument}: no such key {key}, {hint(key, settings)}"])
    return argument


def quoted(value: str, parser: OverridesParser) -> str:
    """A text as Hydra must be given it: a path may hold spaces or commas, a name be a number.

    What Hydra reads as a text, as several or as one in quotes stays as it is, unless it is the
    path of a file.
    """
    if re.fullmatch(r"'.*'|\".*\"", value, re.DOTALL):
        return value
    is_path = _exists(value)
    try:
        parsed = parser.parse_override(f"key={value}")
    except HydraException:
        parts = [value] if is_path else value.split(",")
        return ",".join(map(in_quotes, parts))
    if not is_path and (parsed.is_sweep_override() or isinstance(parsed.value(), list | dict)):
        return value
    if isinstance(parsed.value(), str) and "\\" not in value and value == value.strip():
        return value
    return in_quotes(value)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or a byte of zero
        return False


def in_quotes(text: str) -> str:
    """Hydra takes a backslash before a quote, or at the end, for an escape."""
    escaped = re.sub(
        r'(\\*)("|$)', lambda found: found[1] * 2 + ("\\" + found[2]) * bool(found[2]), text
    )
    return f'"{escaped}"'


def _check_values(
    argument: str, parsed: Override, allowed: Grammar, loader: ConfigLoaderImpl
) -> None:
    """Hold the values of an argument against the options that there are.

    Raises:
        ConfigError: there are several, none or too many, or one is no option of its group.
    """
    values = [parsed.value()]
    if parsed.is_sweep_override():
        if not allowed.many:
            raise ConfigError([f"{argument}: several values, expected one; -m sweeps over many"])
        if parsed.key_or_group.startswith(PREFIX):
            raise ConfigError([f"{argument}: expected one for all runs of a command"])
        values = _several(argument, parsed)
    group = parsed.key_or_group
    if not loader.repository.group_exists(group):
        if parsed.package is not None:  # a preset
            raise ConfigError([f"{argument}: {group} has no presets"])
        return
    options = loader.repository.get_group_options(group)  # the loader's own copies all of it first
    faults = []
    for value in values:
        if value not in options:
            faults.append(missing_option(argument, value, options))
            continue
        places = [
            f"{source.path}/{group}/{value}.yaml"
            for source in loader.get_sources()
            if source.scheme() != "structured" and source.is_config(f"{group}/{value}")
        ]
        if len(places) > 1:
            faults.append(f"{argument}: {' and '.join(places)}, expected one file of this name")
    if faults:
        raise ConfigError(faults)


def _several(argument: str, parsed: Override) -> list[Any]:
    """The values that a sweep goes over.

    Raises:
        ConfigError: there are none, or more than anybody wants.
    """
    if not parsed.is_discrete_sweep():
        raise ConfigError([f"{argument}: an interval has no values, expected range(…) or A,B"])
    try:
        found = list(islice(parsed.sweep_iterator(), MOST_RUNS + 1))
    except ValueError as error:
        raise ConfigError([f"{argument}: {error}"]) from None
    if not found:
        raise ConfigError([f"{argument}: no value, expected at least one"])
    if len(found) > MOST_RUNS:
        raise ConfigError([f"{argument}: more than {MOST_RUNS} values, expected fewer"])
    if any(isinstance(value, Glob) for value in found):
        parts = [value.include if isinstance(value, Glob) else [str(value)] for value in found]
        both = f"{parsed.key_or_group}=glob([{','.join(name for part in parts for name in part)}])"
        raise ConfigError([f"{argument}: glob(…) beside others, expected '{both}'"])
    return [value.text if isinstance(value, QuotedString) else value for value in found]


def apart(arguments: Sequence[str], own: Collection[str]) -> tuple[Mapping[str, str], list[str]]:
    """The values of a command's own keys, taken as they stand, and the other arguments."""
    pairs = [(argument.partition("=")[0], argument) for argument in arguments]
    given = {key: argument.partition("=")[2] for key, argument in pairs if key in own}
    return given, [argument for key, argument in pairs if key not in own]
