"""The figures by name: what each needs and says, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from analysis.fit import Unfit, need_pairs, others
from analysis.map_figures import landscape, landscape_models, over_rates, overfitting
from analysis.outcomes import POINTS, PRIMARY, Outcome, outcome
from analysis.plots import forests, sizes, style, training
from analysis.study import Study
from harness.records.roles import ROLES

BEHAVIOUR = {
    "behaviour.ended": "ended by itself",
    "behaviour.echoed": "echoed the prompt",
    "behaviour.repeated": "repeated itself",
    "behaviour.empty": "empty",
    "behaviour.length": "length (tokens)",
}
FEWEST_LINES = 7
"""Masks from which on each gets a line of its own, since curves over each other cannot be read."""

MOST_CELLS = 12
"""Cells drawn along training; beyond, the smallest and largest size of each condition stand for the
rest.
"""


class Entry(NamedTuple):
    """A figure of the report.

    Attributes:
        title: above it.
        caption: what it shows and how to read it.
        draw: makes it; raises `Unfit` where the runs do not have what it shows.
        column: whether it can also be drawn a paper's column wide, its panels one below the other,
            as phones need it.
    """

    title: str
    caption: str
    draw: Callable[[Study], Figure]
    column: bool = True


def main(study: Study) -> Figure:
    """The main score and the held-out loss by mask."""
    shown = [one for one in (study.score, outcome(PRIMARY)) if one and _has(study.runs, one.column)]
    labels = {one.column: one.name if one.unit == POINTS else style.axis_name(one) for one in shown}
    scores = [one.column for one in shown if one.unit == POINTS]
    return sizes.by_mask(study.runs, study.arms, study.conditions, labels, scores)


def behaviour(study: Study) -> Figure:
    """Rates of what responses do."""
    present = {name: label for name, label in BEHAVIOUR.items() if _has(study.runs, name)}
    if not present:
        raise Unfit("no run answered prompts")
    shares = [name for name in present if name != "behaviour.length"]
    return sizes.by_mask(study.runs, study.arms, study.conditions, present, shares)


def delta(study: Study) -> Figure:
    """Δ held-out response NLL."""
    return _difference(study, outcome(PRIMARY), study.trends)


def delta_score(study: Study) -> Figure:
    """Δ of the main score."""
    need_pairs(study)
    if study.score is None or study.effects[study.score.column].empty:
        raise Unfit("no response was scored")
    return _difference(study, study.score, pd.DataFrame())


def _difference(study: Study, one: Outcome, trends: pd.DataFrame) -> Figure:
    need_pairs(study)
    return sizes.difference(
        study.pairs,
        study.effects[one.column],
        trends,
        others(study),
        _paired_conditions(study),
        one,
    )


def forest(study: Study) -> Figure:
    """Δ held-out response NLL, a line for each mask."""
    need_pairs(study)
    masks = others(study)
    if len(masks) < FEWEST_LINES:
        raise Unfit(f"fewer than {FEWEST_LINES} masks beside the baseline: see the figure above")
    return forests.forest(study.effects[PRIMARY], masks, _cells(study), outcome(PRIMARY))


def heat_map(study: Study) -> Figure:
    """Δ over model × training size."""
    need_pairs(study)
    conditions = _paired_conditions(study)
    if len(conditions) < 2 or study.pairs["n_examples"].nunique() < 2:
        raise Unfit("needs two models (or other conditions) and two training sizes")
    return sizes.heat_map(study.effects[PRIMARY], others(study), conditions, outcome(PRIMARY))


def ratio(study: Study) -> Figure:
    """Δ against prompt/response length ratio."""
    need_pairs(study)
    if "length.ratio" not in study.pairs or study.pairs["length.ratio"].round(2).nunique() < 2:
        raise Unfit("the length ratio does not vary")
    return sizes.against_ratio(study.pairs, others(study), outcome(PRIMARY))


def learning_curves(study: Study) -> Figure:
    """Held-out NLL per role along training."""
    curves = study.curves[0]
    if curves.empty:
        raise Unfit("no run has readable evaluations")
    roles = [role for role in ROLES if role in set(curves["role"])]
    return training.learning_curves(curves, study.arms, _cells(study), roles)


def mechanism(study: Study) -> Figure:
    """Held-out against training response NLL along training."""
    curves = study.curves[0]
    if not {"train", "test"} <= set(curves["split"]):
        raise Unfit("evaluations lack the training or the test set")
    return training.mechanism(curves, study.arms, _cells(study))


FIGURES: dict[str, Entry] = {
    "main": Entry(
        "Score and held-out response NLL by mask",
        "The main score of generated responses (higher is better) and the held-out response "
        "NLL (lower is better) against the number of training examples. Every seed is a "
        "point; lines join the means.",
        main,
    ),
    "delta": Entry(
        "What a mask gains over the baseline",
        "Δ = NLL(baseline) − NLL(arm) on the same held-out responses; above zero the arm is "
        "better. Points are seeds, bars 95 % intervals of the paired mean, the grey band is what "
        "counts as equal, diamonds are crossovers N* with their intervals.",
        delta,
    ),
    "delta_score": Entry(
        "The same for the main score",
        "The arm's score minus the baseline's on the same prompts; above zero the arm is better.",
        delta_score,
    ),
    "forest": Entry(
        "Mask by mask",
        "Δ = NLL(baseline) − NLL(arm) of each mask, a panel for each number of training examples; "
        "to the right of the line the mask is better. Bars are 95 % intervals, the grey band is "
        "what counts as equal.",
        forest,
    ),
    "heat_map": Entry(
        "Where a mask gains",
        "Δ held-out response NLL over model (and whatever else varies) and training size. Orange: "
        "the baseline is better; purple: the arm. Bold: the 95 % interval excludes zero.",
        heat_map,
    ),
    "landscape": Entry(
        "The map: passes, length ratio, examples",
        "Δ of each outcome over passes over the training set and the ratio of prompt to response "
        "length, a panel for each number of examples. Purple: the mask is better; orange: the "
        "baseline. Squares are cells, the line is the zero of what is interpolated between them, "
        "and the hatched band is where the 95 % interval over seeds holds zero. One mask and "
        "model, those with the most cells.",
        landscape,
        column=False,
    ),
    "landscape_models": Entry(
        "The map for each model and mask",
        "The same for the held-out response NLL, a line of panels for each model and mask.",
        landscape_models,
        column=False,
    ),
    "overfitting": Entry(
        "Is it about overfitting?",
        "Δ held-out response NLL against how much the baseline overfits: its last less its best "
        "validation response NLL. Small points are pairs, large ones cells.",
        overfitting,
    ),
    "rates": Entry(
        "Is it the learning rate?",
        "Δ held-out response NLL if the masks may choose, on validation, from no rate below the "
        "one on the x axis. A gain that is gone to the right was one of rates too high for so many "
        "steps. Bars are 95 % intervals over seeds, the grey band is what counts as equal.",
        over_rates,
    ),
    "learning_curves": Entry(
        "Learning curves by role",
        "NLL of each role on held-out examples along training. Thin lines are seeds. Evaluations "
        "in mid-training may use fewer examples than those at the start and at the end.",
        learning_curves,
        column=False,
    ),
    "mechanism": Entry(
        "Regulariser, or only less training?",
        "Held-out against training response NLL along each run, from the base model "
        "at the top right. A curve below another at the same training loss regularises; one that "
        "runs on it and stops early has only trained less.",
        mechanism,
    ),
    "ratio": Entry(
        "Δ against the length ratio",
        "Δ held-out response NLL against the measured ratio of prompt to response length of the "
        "test examples.",
        ratio,
    ),
    "behaviour": Entry(
        "What responses do",
        "Share of responses that ended by themselves, echoed the prompt, repeated themselves or "
        "were empty, and their mean length, against training size.",
        behaviour,
    ),
}


def _has(runs: pd.DataFrame, name: str) -> bool:
    return name in runs and bool(runs[name].notna().any())


def _paired_conditions(study: Study) -> list[str]:
    return [
        condition for condition in study.conditions if condition in set(study.pairs["condition"])
    ]


def _cells(study: Study) -> list[tuple[str, int]]:
    """Conditions and sizes that were run, in order; only the ends of each condition where there are
    too many.
    """
    every = study.runs.groupby("condition")["n_examples"].unique()
    cells = [
        (condition, int(size))
        for condition in study.conditions
        for size in sorted(every[condition])
    ]
    if len(cells) <= MOST_CELLS:
        return cells
    return [
        (condition, size)
        for condition, size in cells
        if size in (min(every[condition]), max(every[condition]))
    ]
