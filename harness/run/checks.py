"""What of a run's config only those can judge who know the registries: names that stand for
functions; and what training needs beside. No torch.
"""

from __future__ import annotations

from harness.config import plugins
from harness.config.hints import nearest
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data.checks import data_faults
from harness.data.measures import MEASURES
from harness.records.claims import CLAIMS
from harness.scoring import score_faults
from harness.train.normalisers import NORMALISERS
from harness.train.schedules import DECAYS, SCHEDULES


def run_faults(run: Run) -> list[str]:
    """A line for each name that stands for nothing, once the run's plugins are imported."""
    try:
        plugins.load(run.launch.plugins)
    except ConfigError as error:
        return error.faults
    faults = MEASURES.faults(run.mask.importance) + SCHEDULES.faults(run.mask.schedule)
    faults += DECAYS.faults(run.train.decay) + NORMALISERS.faults(run.train.normalize)
    faults += claim_faults(run.launch.claim)
    for name in run.score.scores:
        faults += score_faults(name)
    return faults + data_faults(run)


def rate_faults(run: Run) -> list[str]:
    """A line where a run is to train at a tuned rate and its model has none."""
    if run.train.lr == "auto" and not run.model.lr:
        return ["train.lr='auto': expected a number, since model.lr holds no tuned rates"]
    return []


def claim_faults(claim: str) -> list[str]:
    """A line where a run names a claim that there is not."""
    known = [name for name in CLAIMS if "." not in name]
    if claim in {"", *known}:
        return []
    meant = nearest(claim, known)
    hint = f", did you mean {meant}?" if meant else ""
    return [f"claim={claim!r}: expected one of {', '.join(known)}{hint}"]
