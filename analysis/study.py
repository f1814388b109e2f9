"""All that a report says, worked out once: runs, pairs, effects, trends, verdicts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import arms, effects, rates, traces
from analysis.alike import alike
from analysis.archive import Archive
from analysis.arms import ArmVerdict
from analysis.claims import Claim, ClaimError, known, load_claim
from analysis.evidence import gather
from analysis.labels import arm_order, condition_order
from analysis.load import LoadError, Problem, read
from analysis.outcomes import PRIMARY, Outcome, declare, main_score, measured, outcome
from analysis.pairs import missing, pair
from analysis.rates import Chosen
from analysis.verdict import Verdict, settle

LONGEST = 100
"""Characters of the names of sweeps, joined."""

SEED = 0
"""Of every bootstrap: the same runs give the same bytes."""


@dataclass(frozen=True)
class Study:
    """What the runs say.

    Attributes:
        name: the sweep's name, or the names joined by "+"; of many sweeps the first, how many more
            and a hash.
        baseline: the arm that the others are compared with.
        vary: config keys in which arms may differ beside the mask.
        runs: one row per finished run that is compared.
        tried: the same with the runs at rates that were not chosen.
        pairs: one row per arm's run that has a fair partner.
        problems: what was left out, and why.
        missing: masks, sizes and seeds of the grid without a run.
        arms: the arms in the order of tables and legends.
        conditions: the conditions in that order.
        chosen: learning rates that were swept, and which of them is compared.
        claims: name -> claim, of those that the sweeps test.
        archives: path -> what it holds, of the archives among the folders.
    """

    name: str
    baseline: str
    vary: tuple[str, ...]
    runs: pd.DataFrame
    tried: pd.DataFrame
    pairs: pd.DataFrame
    problems: list[Problem]
    missing: pd.DataFrame
    arms: list[str]
    conditions: list[str]
    chosen: Chosen
    claims: dict[str, Claim]
    archives: dict[str, Archive]

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What is compared, the main score first of the scores."""
        every, score = measured(self.runs), self.score
        return sorted(every, key=lambda one: (one.column != PRIMARY, one != score))

    @cached_property
    def score(self) -> Outcome | None:
        """The score that stands beside the loss; None where none was measured."""
        return main_score(self.runs)

    @cached_property
    def effects(self) -> dict[str, pd.DataFrame]:
        """Column of each outcome -> its effect in each cell."""
        return {one.column: effects.effects(self.pairs, one, _rng()) for one in self.outcomes}

    @cached_property
    def trends(self) -> pd.DataFrame:
        """Slope and crossover of Δ held-out response NLL over training size."""
        return effects.trends(self.pairs, outcome(PRIMARY), _rng())

    @cached_property
    def curves(self) -> tuple[pd.DataFrame, list[Problem]]:
        """Every evaluation of every run, with the run's labels, and the unreadable ones."""
        frame, problems = traces.curves(self._in_folders)
        kept = [frame, *(self._archived_curves(archive) for archive in self.archives.values())]
        every = pd.concat([part for part in kept if len(part)] or [frame], ignore_index=True)
        labels = self.runs[["arm", "condition", "n_examples", "seed"]]
        return every.join(labels, on="row"), problems

    @cached_property
    def responses(self) -> tuple[pd.DataFrame, list[Problem]]:
        """The figures of every response to the test set, and the unreadable ones."""
        return traces.responses(self._in_folders)

    @cached_property
    def over_prompts(self) -> pd.DataFrame:
        """Intervals over seeds × prompts in each cell; as archives keep them, where all runs are
        from one.
        """
        if len(self.archives) == 1 and self._in_folders.empty:
            (archive,) = self.archives.values()
            return pd.DataFrame(archive.texts["over_prompts"])
        return effects.over_prompts(self.pairs, self.responses[0], self.outcomes, _rng())

    @cached_property
    def by_loss(self) -> dict[str, ArmVerdict]:
        """The verdict on each arm, in the primary outcome."""
        return arms.judge(self.effects[PRIMARY], outcome(PRIMARY), self.baseline)

    @cached_property
    def by_score(self) -> dict[str, ArmVerdict]:
        """The verdict on each arm, in the main score."""
        if self.score is None:
            return {}
        return arms.judge(self.effects[self.score.column], self.score, self.baseline)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """A verdict for each claim that the sweeps test."""
        found = []
        for key, claim in self.claims.items():
            if claim.baseline == self.baseline:
                cells = gather(claim, self.runs, self._pairs_of(key))
                found.append(settle(key, claim, cells, _rng()))
        return found

    @cached_property
    def advice(self) -> str:
        """Which mask to use here, and why."""
        table = self.effects[PRIMARY]
        seeds = int(table["n"].max()) if len(table) else 0
        if len(self.arms) > 1 and not seeds:
            return f"No fair pair with '{self.baseline}': nothing can be compared yet."
        return arms.advice(self.by_loss, self.by_score, self.baseline, seeds)

    @cached_property
    def alike(self) -> list[list[str]]:
        """Groups of arms that are one and the same on these data."""
        return alike(self.runs, self.arms)

    @cached_property
    def all_problems(self) -> list[Problem]:
        """Problems of folders, pairs, evaluations and responses."""
        return [*self.problems, *self.read_late]

    @property
    def read_late(self) -> list[Problem]:
        """Problems of evaluations and responses, which only a page or a figure reads."""
        return [*self.curves[1], *self.responses[1]]

    @property
    def _in_folders(self) -> pd.DataFrame:
        """The runs that are not from archives."""
        return self.runs[~self.runs["path"].isin(self.archives)]

    def _archived_curves(self, archive: Archive) -> pd.DataFrame:
        """The evaluations of an archive, at the rows that its runs have here."""
        own = self.runs["sweep"] + "/" + self.runs["run"]
        place = dict(zip(own, self.runs.index, strict=True))
        names = archive.runs["sweep"] + "/" + archive.runs["run"]
        rows = pd.Series([place.get(name, -1) for name in names], dtype="int64")
        here = archive.curves.assign(row=rows.reindex(archive.curves["row"]).to_numpy())
        return here[here["row"] >= 0]

    def _pairs_of(self, key: str) -> pd.DataFrame:
        """The pairs of runs that were made for a claim, or of all where none says so."""
        named = claim_names(self.runs)
        own = named[self.pairs["run"]].isin([key, key.partition(".")[0]]).to_numpy()
        return self.pairs[own] if own.any() else self.pairs


def study(
    folders: Sequence[str | Path],
    baseline: str = "",
    vary: Sequence[str] = (),
    claims: Sequence[str | Path] = (),
) -> Study:
    """Read folders of sweeps or runs and pair their runs.

    Args:
        folders: of sweeps, or of single runs.
        baseline: the arm that the others are compared with; "" takes 'full', or the first arm where
            no run has it.
        vary: config keys in which arms may differ beside the mask.
        claims: files of claims to judge beside those that the runs name.

    Raises:
        LoadError: nothing there can be analysed, or a claim's file is faulty; one line.
    """
    every, problems, archives = read([Path(folder) for folder in folders])
    declare(every)
    order = arm_order(every["arm"])
    _check(every, order, baseline, vary)
    baseline = baseline or order[0]
    chosen = rates.choose(every)
    runs = rates.only_chosen(every, chosen)
    free = [*vary, *(["train.lr"] if chosen.by_validation else [])]
    paired = pair(runs, baseline, free)
    named, unnamed = _claims(runs, [Path(claim) for claim in claims])
    for key, claim in named.items():
        if claim.baseline != baseline:
            message = f"compares with '{claim.baseline}', this report with '{baseline}'"
            unnamed.append(Problem("claims", key, "not judged", message))
    alone = len(order) == 1
    return Study(
        name=joined(list(dict.fromkeys(runs["sweep"]))),
        baseline=baseline,
        vary=tuple(free),
        runs=runs,
        tried=every,
        pairs=paired.pairs,
        problems=problems + unnamed + ([] if alone else paired.problems),
        missing=missing(runs),
        arms=arm_order(runs["arm"], baseline),
        conditions=condition_order(runs),
        chosen=chosen,
        claims=named,
        archives=archives,
    )


def joined(sweeps: Sequence[str]) -> str:
    """The name of several sweeps together, which a folder can have."""
    name = "+".join(sweeps)
    if len(name) <= LONGEST:
        return name
    told = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{sweeps[0]}+{len(sweeps) - 1}-{told}"


def _check(runs: pd.DataFrame, order: Sequence[str], baseline: str, vary: Sequence[str]) -> None:
    """Raises LoadError where no run has the baseline, or a key of `vary`."""
    if baseline and baseline not in order:
        raise LoadError(
            f"baseline '{baseline}': no run has this mask, expected one of {', '.join(order)}"
        )
    unknown = [key for key in vary if f"config.{key}" not in runs.columns]
    if unknown:
        raise LoadError(f"vary '{unknown[0]}': no run's config has this key")


def claim_names(runs: pd.DataFrame) -> pd.Series:
    """The claim that each run names; "" for none."""
    named = pd.Series("", index=runs.index, dtype="str")
    for column in ("config.claim", "config.launch.claim"):
        if column in runs:
            named = named.where(named != "", runs[column].fillna(""))
    return named


def _claims(runs: pd.DataFrame, files: Sequence[Path]) -> tuple[dict[str, Claim], list[Problem]]:
    """The claims that runs name, with those of their sweep's further questions, and those of files.

    Raises:
        LoadError: a file of these is missing or faulty.
    """
    stored, problems = known(), []
    wanted: dict[str, Path] = {}
    for name in sorted(set(claim_names(runs)) - {""}):
        own = {key: path for key, path in stored.items() if key.partition(".")[0] == name}
        if not own:
            first = runs[claim_names(runs) == name].iloc[0]
            message = f"claim '{name}', expected one of {', '.join(stored)}"
            problems.append(Problem(first["sweep"], first["run"], "unknown claim", message))
        wanted |= own
    wanted |= {path.stem: path for path in files}
    try:
        return {key: load_claim(path) for key, path in wanted.items()}, problems
    except ClaimError as error:
        raise LoadError(str(error)) from None


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)
