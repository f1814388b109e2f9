"""What runs are compared in, as data: the one name of each measure, its unit, sign and margin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.records.scores import NAMES, name_of

PRIMARY = "nll.test.answer"

NATS = "nats/token"
POINTS = "points"
ERROR = "error"

FLOOR, CEILING = 0.05, 0.95
"""Below and above these mean scores, that two arms agree says nothing of them."""

NOT_COMPARED = ("base", "train", "validation")
"""Splits whose NLL says nothing of a mask: before training, on what was trained, and on what chose
learning rates.
"""


class Outcome(NamedTuple):
    """One measure of a run.

    Attributes:
        column: where it stands in the run table.
        name: what every table, figure and sentence calls it.
        unit: of a difference: nats/token, points of a hundred, an error's or a score's own.
        sign: 1 where more is better, −1 where less is.
        margin: the difference that counts as none.
    """

    column: str
    name: str
    unit: str
    sign: int
    margin: float

    @property
    def delta(self) -> str:
        """The column of its differences in the pairs' table."""
        return f"delta.{self.column}"


KNOWN = (
    Outcome(PRIMARY, "held-out response NLL", NATS, -1, 0.02),
    Outcome("nll.test.by_example", "held-out response NLL, mean over examples", NATS, -1, 0.02),
    Outcome("nll.test_best.answer", "held-out response NLL at the best pass", NATS, -1, 0.02),
    Outcome("calibration.nll", "held-out response NLL at a fitted temperature", NATS, -1, 0.02),
    Outcome("calibration.ece", "calibration error", ERROR, -1, 0.02),
    Outcome("calibration.brier", "Brier score", ERROR, -1, 0.02),
    *(Outcome(f"scores.{score}", name, POINTS, 1, 0.02) for score, name in NAMES.items()),
)
"""In the order of tables. Further losses and scores of a run are outcomes too, after these."""


_declared: dict[str, Outcome] = {}


def declare(runs: pd.DataFrame) -> None:
    """Take the unit and direction of further scores from runs whose results tell them.

    A margin that nobody has named is 0: no such difference counts as none.
    """
    _declared.clear()
    for column in runs.columns:
        if column.startswith("scales.") and column.endswith(".unit"):
            name = column.removeprefix("scales.").removesuffix(".unit")
            unit = POINTS if _first(runs[column]) == "share" else _first(runs[column])
            sign = -1 if _first(runs[f"scales.{name}.better"]) == "lower" else 1
            margin = 0.02 if unit == POINTS else 0.0
            key = f"scores.{name}"
            _declared[key] = Outcome(key, name_of(name), unit, sign, margin)


def _first(values: pd.Series) -> str:
    return str(values.dropna().iloc[0])


def outcome(column: str) -> Outcome:
    """The declaration of an outcome, made for those that are not listed.

    Raises:
        KeyError: the column is no outcome.
    """
    for known in KNOWN:
        if known.column == column:
            return known
    if column in _declared:
        return _declared[column]
    kind, _, rest = column.partition(".")
    if kind == "scores":
        return Outcome(column, name_of(rest), POINTS, 1, 0.02)
    split, _, role = rest.rpartition(".")
    if kind == "nll" and role == "answer" and split not in NOT_COMPARED:
        name = f"{split.replace('_', ' ')} response NLL"
        if split.startswith("on_"):
            name = f"response NLL on {split.removeprefix('on_')}"
        return Outcome(column, name, NATS, -1, 0.02)
    raise KeyError(column)


def measured(runs: pd.DataFrame) -> list[Outcome]:
    """The outcomes that these runs have, in the order of tables; the primary one always."""
    order = {known.column: place for place, known in enumerate(KNOWN)}
    found = []
    for column in runs.columns:
        try:
            declared = outcome(column)
        except KeyError:
            continue
        if column == PRIMARY or runs[column].notna().any():
            found.append(declared)
    return sorted(found, key=lambda one: (order.get(one.column, len(order)), one.name))


def main_score(runs: pd.DataFrame) -> Outcome | None:
    """The score that stands beside the loss: the first that leaves its floor and its ceiling.

    Exact match comes first, and gives way on data where no arm, or every arm, answers right.

    Returns:
        None where no score was measured; where all lie at a bound, the one furthest from it.
    """
    arms = runs.groupby("arm")
    scores = [one for one in measured(runs) if one.unit == POINTS]
    means = {one: arms[one.column].mean().dropna() for one in scores}
    for score, values in means.items():
        if not at_bound(values, score):
            return score
    return max(
        means, key=lambda one: float(np.minimum(means[one], 1 - means[one]).max()), default=None
    )


def at_bound(means: pd.Series, score: Outcome) -> str:
    """Where all these means of a score lie: at its "floor", its "ceiling", or "" for neither."""
    if score.unit != POINTS or means.empty:
        return ""
    if (means < FLOOR).all():
        return "floor"
    return "ceiling" if (means > CEILING).all() else ""
