"""Plugins: modules of the user's own, which add to the registries as they are imported.

A package is one by an entry point of the group `prompt_mask_harness`; any other module is named by
`plugins=[MODULE]`.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import import_module, invalidate_caches
from importlib.metadata import EntryPoint, entry_points

from harness.config.validate import ConfigError

GROUP = "prompt_mask_harness"
"""The group of entry points."""


def load(modules: Sequence[str] = ()) -> None:
    """Import the installed plugins and these modules, each once in a process.

    Raises:
        ConfigError: with a line for each that cannot be imported.
    """
    faults = [_installed(), *(_imported(name) for name in modules)]
    if any(faults):
        raise ConfigError([fault for fault in faults if fault])


def named(arguments: Sequence[str]) -> list[str]:
    """The modules that a command line names, before it is read in full."""
    found = [re.fullmatch(r"\+{0,2}(?:launch\.)?plugins=(.*)", text) for text in arguments]
    lists = [match[1].strip("[]'\"") for match in found if match]
    return [name.strip(" '\"") for name in lists[-1].split(",") if name] if lists else []


@cache
def _installed() -> str:
    """Import what is installed; what is wrong with the first that fails, "" for nothing."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        fault = _fault(point)
        if fault:
            return f"plugin {point.name} = {point.value}: {fault}"
    return ""


@cache
def _imported(name: str) -> str:
    """Import a module; what is wrong with it, "" for nothing. Told once, and kept."""
    invalidate_caches()
    if not all(part.isidentifier() for part in name.split(".")):
        return f"plugins=[{name}]: expected names of modules, such as my_masks"
    fault = _fault(name)
    return f"plugins=[{name}]: {fault}" if fault else ""


def _fault(plugin: str | EntryPoint) -> str:
    """Import a plugin, which may raise anything."""
    try:
        if isinstance(plugin, str):
            import_module(plugin)
        else:
            plugin.load()
    except SyntaxError as error:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    except ModuleNotFoundError as error:
        return f"no module {error.name}, expected one in the working folder or installed"
    except (Exception, SystemExit) as error:
        return _place(error) + " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _place(error: BaseException) -> str:
    """The line of the plugin that raised: the first that is neither Python's nor ours."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename != __file__ and "importlib" not in frame.filename:
            return f"{frame.filename}:{frame.lineno}: "
    return ""
