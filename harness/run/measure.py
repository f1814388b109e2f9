"""The third step of a run: the losses of what it trained, the same for every mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.data.examples import response_rows
from harness.data.rows import Row
from harness.models import device
from harness.models.base import LanguageModel
from harness.records import Split
from harness.run.journal import Journal
from harness.run.midway import measured, write_evaluation
from harness.train.calibration import Calibration, calibrate
from harness.train.evaluate import Evaluation
from harness.train.loop import Training


class Measures(NamedTuple):
    """What is measured of one run at its end.

    Attributes:
        losses: split, or "on_NAME" for another set of `score.also` -> evaluation.
        calibration: None where it was not asked for.
    """

    losses: dict[str, Evaluation]
    calibration: Calibration | None


def measure(
    training: Training, journals: list[Journal], alive: Callable[[], None]
) -> list[Measures]:
    """The final losses of each run; `alive` is called after each batch."""
    finals: list[dict[str, Evaluation]] = [{} for _ in journals]
    splits: tuple[Split, ...] = ("test", "validation", "train", "test_families")
    for split in splits:
        rows = [journal.prepared.measured_on(split) for journal in journals]
        if not any(rows):
            continue
        evaluations = measured(training.model, journals, rows, alive)
        for number, journal in enumerate(journals):
            learner = training.learners[number]
            if rows[number] and not learner.error:
                epochs = float(journal.prepared.run.train.epochs)
                own = finals[number][split] = evaluations[number]
                write_evaluation(journal, learner, split, learner.totals.steps, epochs, own)
    for name in sorted({name for each in journals for name in each.prepared.examples.also}):
        rows = [journal.prepared.elsewhere(name) for journal in journals]
        evaluations = measured(training.model, journals, rows, alive)
        for number, evaluation in enumerate(evaluations):
            if rows[number]:
                finals[number][f"on_{name}"] = evaluation
    calibrations = _calibrations(training.model, journals, alive)
    return [Measures(*each) for each in zip(finals, calibrations, strict=True)]


def _calibrations(
    model: LanguageModel, journals: Sequence[Journal], alive: Callable[[], None]
) -> list[Calibration | None]:
    """The calibration of the runs that ask for it, in as large batches as memory allows."""
    asked = [journal.prepared.run.score.calibration for journal in journals]
    if not any(asked):
        return [None] * len(asked)
    run = journals[0].prepared.run
    sets = [journal.prepared.examples for journal in journals]
    validation: list[list[Row]] = [response_rows(each.validation) for each in sets]
    test: list[list[Row]] = [response_rows(each.test) for each in sets]
    longest = max(len(row.inputs) for own in (*validation, *test) for row in own)
    found, _ = device.within_memory(
        lambda limit: calibrate(model, validation, test, limit, run.train.precision, alive),
        run.score.batch_tokens,
        longest,
    )
    return [each if wanted else None for each, wanted in zip(found, asked, strict=True)]
