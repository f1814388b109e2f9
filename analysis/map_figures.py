"""The figures of studies that vary passes, length ratio and size at once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis import landscape as places
from analysis.evaluations import OVERFITTING
from analysis.fit import Unfit, need_pairs, others
from analysis.outcomes import PRIMARY, Outcome, outcome
from analysis.plots import maps, rates
from analysis.plots.style import thousands
from analysis.rate_floor import floors, most_tried
from analysis.study import Study

MOST_LINES = 8
"""Lines of a panel of rates."""

MOST_ROWS = 8
"""Lines of panels on one map."""


def landscape(study: Study) -> Figure:
    """Δ of each outcome over passes, length ratio and training size."""
    return landscape_of(study, study.outcomes[:MOST_ROWS])


def landscape_of(study: Study, outcomes: Sequence[Outcome]) -> Figure:
    """The map of these outcomes alone, a line of panels each."""
    rows = []
    for one in outcomes:
        cells = _on_one_map(_map_cells(study, one))
        if len(cells):
            rows.append((one.name, one, cells))
    return maps.landscape(rows, sorted(rows[0][2]["n_examples"].unique()))


def landscape_models(study: Study) -> Figure:
    """Δ held-out response NLL over passes, length ratio and size, for each model and mask."""
    one = outcome(PRIMARY)
    every = _map_cells(study, one)
    smallest_first = study.runs.groupby("model")["parameters"].min().sort_values().index
    rows = []
    for arm in others(study):
        for model in smallest_first:
            cells = every[(every["model"] == model) & (every["arm"] == arm)]
            if len(cells):
                rows.append((f"{model}, {arm}", one, _on_one_map(cells)))
    if len(rows) < 2:
        raise Unfit("one model and one mask: see the figure above")
    return maps.landscape(rows[:MOST_ROWS], sorted(every["n_examples"].unique()))


def _map_cells(study: Study, one: Outcome) -> pd.DataFrame:
    """The cells that a map can hold.

    Raises:
        Unfit: passes or length ratios do not vary.
    """
    need_pairs(study)
    if "length.ratio" not in study.pairs:
        raise Unfit("lengths are not recorded")
    cells = places.cells(study.pairs, study.runs, one)
    if len(cells) and cells["epochs"].nunique() > 1 and cells["ratio"].round(2).nunique() > 1:
        return cells
    raise Unfit("needs several numbers of passes and several length ratios")


def _on_one_map(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of the mask, model and further level that have the most: maps average over nothing."""
    for name in ("arm", "model", "level"):
        counts = cells[name].value_counts(sort=False)
        cells = cells[cells[name] == counts.idxmax()]
    return cells


def overfitting(study: Study) -> Figure:
    """Δ held-out response NLL against how much the baseline overfits."""
    need_pairs(study)
    if OVERFITTING not in study.runs:
        raise Unfit("no run measured the validation set along training")
    found = study.runs[OVERFITTING]
    pairs = study.pairs.assign(overfitting=study.pairs["baseline_run"].map(found))
    known = pairs.dropna(subset=["overfitting"])
    if known.empty:
        raise Unfit("no run of the baseline measured the validation set along training")
    return maps.against_overfitting(known, others(study), outcome(PRIMARY), study.baseline)


def over_rates(study: Study) -> Figure:
    """Δ held-out response NLL by the lowest learning rate to choose from."""
    need_pairs(study)
    if not study.chosen.by_validation:
        raise Unfit("no learning rate was chosen on validation")
    most = most_tried(study.tried)
    cells = floors(most, study.baseline, study.vary, outcome(PRIMARY))
    if cells.empty:
        raise Unfit("needs two seeds: a floor's interval is over seeds")
    return over_rates_of(_clearest(cells))


def over_rates_of(cells: pd.DataFrame) -> Figure:
    """The same of these cells alone."""
    panels = cells["n_examples"].map(thousands) + " examples"
    if cells["arm"].nunique() > 1:
        panels = cells["arm"] + ", " + panels
    return rates.over_floors(cells.assign(panel=panels, line=cells["place"]), outcome(PRIMARY))


def _clearest(cells: pd.DataFrame) -> pd.DataFrame:
    """The places that reach the highest, as many as can be told apart."""
    highest = cells.groupby("place")["mean"].max().nlargest(MOST_LINES).index
    drawn: pd.DataFrame = cells[cells["place"].isin(highest)]
    return drawn
