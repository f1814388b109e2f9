"""Fine-tune GPTs with loss masks and compare them: the harness as a library.

    import harness

    runs = harness.sweep(mask=["none", "full"], data="my.jsonl", seed=range(8))
    print(runs[["arm", "seed", "nll.test.answer"]])

docs/library.md shows all of it. A script needs no guard: workers do not import it. Nothing heavy is
imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from harness.library.masks import Weighted, to_labels, to_trl, weigh_all, weights
    from harness.library.runs import audit, load, run, sweep
    from harness.library.trainers import weighted_trainer

__all__ = [
    "Weighted",
    "audit",
    "fine_tune",
    "load",
    "run",
    "sweep",
    "to_labels",
    "to_trl",
    "weigh_all",
    "weighted_trainer",
    "weights",
]

_PLACES = {
    **dict.fromkeys(("audit", "load", "sweep"), "harness.library.runs"),
    **dict.fromkeys(
        ("Weighted", "to_labels", "to_trl", "weigh_all", "weights"), "harness.library.masks"
    ),
    "weighted_trainer": "harness.library.trainers",
}
"""Name -> the module that has it, imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


class _Run(ModuleType):
    """The package `harness.run`, which is a function too: `harness.run(mask="full")`."""

    def __call__(self, **settings: Any) -> pd.Series[Any]:
        """See `harness.library.runs.run`."""
        from harness.library.runs import run

        return run(**settings)


import_module("harness.run").__class__ = _Run  # whose name the function shares; it is empty


def fine_tune(*arguments: str) -> pd.DataFrame:
    """As `sweep`, with the arguments of the command line: `fine_tune("mask=none,full")`.

    Raises:
        ConfigError, RuntimeError, OSError: as `sweep`.
    """
    from harness.commands.run import fine_tune

    return fine_tune(arguments)
