"""All that a report says, worked out once: runs, pairs, effects, trends, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import effects, traces
from analysis.labels import arm_order, condition_order
from analysis.load import LoadError, Problem, read
from analysis.pairs import CO_PRIMARY, PRIMARY, missing, pair
from analysis.verdict import Verdict, judge_all

SEED = 0
"""Of every bootstrap: the same runs give the same bytes."""


@dataclass(frozen=True)
class Study:
    """What the runs say.

    Attributes:
        name: the sweep's name, or the names joined by "+".
        baseline: the arm that the others are compared with.
        vary: config keys in which arms may differ beside the mask.
        runs: one row per finished run.
        pairs: one row per arm's run that has a fair partner.
        problems: what was left out, and why.
        missing: cells without a run.
        arms: the arms in the order of tables and legends.
        conditions: the conditions in that order.
    """

    name: str
    baseline: str
    vary: tuple[str, ...]
    runs: pd.DataFrame
    pairs: pd.DataFrame
    problems: list[Problem]
    missing: pd.DataFrame
    arms: list[str]
    conditions: list[str]

    @cached_property
    def effects(self) -> dict[str, pd.DataFrame]:
        """Outcome -> its effect in each cell."""
        return {
            outcome: effects.effects(self.pairs, outcome, _rng())
            for outcome in (PRIMARY, CO_PRIMARY)
        }

    @cached_property
    def trends(self) -> pd.DataFrame:
        """Slope and crossover of Δ response NLL over training size."""
        return effects.trends(self.pairs, PRIMARY, _rng())

    @cached_property
    def curves(self) -> tuple[pd.DataFrame, list[Problem]]:
        """Every evaluation of every run, with the run's labels, and the unreadable ones."""
        frame, problems = traces.curves(self.runs)
        return self._labelled(frame), problems

    @cached_property
    def responses(self) -> tuple[pd.DataFrame, list[Problem]]:
        """Every response to the test set, with the run's labels, and the unreadable ones."""
        frame, problems = traces.responses(self.runs)
        return self._labelled(frame), problems

    @cached_property
    def over_prompts(self) -> pd.DataFrame:
        """Intervals over seeds × prompts in each cell."""
        return effects.over_prompts(self.pairs, self.responses[0], _rng())

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """A verdict for each claim that the sweeps test."""
        return judge_all(self.runs, self.pairs, self.baseline, _rng())

    @cached_property
    def all_problems(self) -> list[Problem]:
        """Problems of folders, pairs, evaluations and responses."""
        return [*self.problems, *self.curves[1], *self.responses[1]]

    def _labelled(self, frame: pd.DataFrame) -> pd.DataFrame:
        labels = self.runs[["sweep", "run", "arm", "condition", "n_examples", "seed"]]
        return (
            frame.join(labels, on="row")
            if len(frame)
            else frame.reindex(columns=[*frame.columns, *labels.columns])
        )


def study(folders: Sequence[Path], baseline: str = "full", vary: Sequence[str] = ()) -> Study:
    """Read sweeps' folders and pair their runs.

    Raises:
        LoadError: nothing there can be analysed; one line.
    """
    runs, problems = read(folders)
    known = sorted(set(runs["arm"]))
    if baseline not in known:
        raise LoadError(
            f"baseline '{baseline}': no run has this mask, expected one of {', '.join(known)}"
        )
    unknown = [key for key in vary if f"config.{key}" not in runs.columns]
    if unknown:
        raise LoadError(f"vary '{unknown[0]}': no run's config has this key")
    paired = pair(runs, baseline, vary)
    return Study(
        name="+".join(dict.fromkeys(runs["sweep"])),
        baseline=baseline,
        vary=tuple(vary),
        runs=runs,
        pairs=paired.pairs,
        problems=problems + paired.problems,
        missing=missing(runs),
        arms=arm_order(runs["arm"], baseline),
        conditions=condition_order(runs),
    )


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)
