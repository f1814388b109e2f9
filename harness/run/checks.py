"""What of a run's config only those can judge who know the registries: names that stand for
functions. No torch.
"""

from __future__ import annotations

from harness.config import plugins
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.data.checks import data_faults
from harness.data.measures import MEASURES
from harness.scoring import SCORES
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
    for name in run.score.scores:
        faults += SCORES.faults(name)
    return faults + data_faults(run)
