"""Runs under way together, from their first step to their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch

from harness.config.models import Own
from harness.models.base import LanguageModel
from harness.models.gpt import GPT, needs_no_grid
from harness.records import CARD, RESULT, ResponseRecord, Result, Split
from harness.records.storage import write_json
from harness.run.answer import Asked, answers
from harness.run.card import card
from harness.run.clock import Clock
from harness.run.identity import work
from harness.run.journal import Journal
from harness.run.keep import keep_weights
from harness.run.measure import Measures, measure
from harness.run.midway import Midway, measured
from harness.run.origin import shape
from harness.run.prepare import Prepared
from harness.run.summarise import summarise
from harness.run.warm import Warm
from harness.train.evaluate import Evaluation
from harness.train.learner import Learner
from harness.train.loop import Training, fit
from harness.train.team import Team, TeamTraining

RECORD = "record"
"""The phase in which a run's outcome is written."""

Progress = Callable[[int, str, float], None]
"""Told the number of a run in its group, the phase and the share of the run that is done, in
[0, 1]; may raise to stop the group.
"""

Outcome = Result | Exception
"""Of one run: its result, or what it failed with (ValueError or FloatingPointError where another
try would end alike).
"""


class Group:
    """Runs under way together, those with most steps left first."""

    def __init__(
        self,
        prepared: Sequence[Prepared],
        chosen: torch.device,
        clock: Clock,
        stack: ExitStack,
        progress: Progress,
        numbers: Mapping[str, int],
        team: Team | None = None,
    ) -> None:
        """Open the runs' journals."""
        journals = [Journal(each, stack) for each in prepared]
        self._journals = sorted(
            journals, key=lambda journal: journal.checkpoint.steps - len(journal.prepared.plan)
        )
        self._device = chosen
        self._team = team
        self._clock = clock
        self._progress = progress
        self._numbers = [numbers[journal.prepared.cell.identity] for journal in self._journals]
        self._phase = "base"
        self._shares = [_shares(journal.prepared) for journal in self._journals]
        self._done = [0.0] * len(journals)

    def carry_out(self, warm: Warm) -> dict[str, Outcome]:
        """All steps after `prepare`; identity -> outcome."""
        bases = [self._base(journal, "test", warm) for journal in self._journals]
        training = self._train(bases, warm)
        self._begin("evaluate", "train")
        with self._clock.phase("evaluate"):
            finals = measure(training, self._journals, self._tell)
        self._begin("generate", "evaluate")
        with self._clock.phase("generate"):
            answered = self._answer(training.model, finals)
        outcomes: dict[str, Outcome] = {}
        for number, journal in enumerate(self._journals):
            error = training.learners[number].error
            identity = journal.prepared.cell.identity
            if error:
                outcomes[identity] = FloatingPointError(error)
                continue
            losses = {"base": bases[number], **finals[number].losses}
            measures = finals[number]._replace(losses=losses)
            outcomes[identity] = self._finish(number, training, measures, answered[number])
        return outcomes

    def _base(self, journal: Journal, split: Split, warm: Warm) -> Evaluation:
        """The loss of a run's initial weights on a held-out set, measured once for all like it."""
        prepared = journal.prepared
        contents, batch = prepared.examples.digests[split], prepared.run.score.batch_tokens
        precision = prepared.run.train.precision
        key = (prepared.base.digest, contents, batch, precision, self._device)
        if key not in warm.losses:
            self._tell()
            model = warm.model(prepared.run).to(self._device)
            rows = [prepared.measured_on(split)]
            warm.losses[key] = measured(model, [journal], rows, self._tell)[0]
        return warm.losses[key]

    def _train(self, bases: Sequence[Evaluation], warm: Warm) -> Training:
        """Train every run to its last step, and measure in between."""
        model = self._trainee(warm)
        train = self._journals[0].prepared.run.train
        padded = not (isinstance(model, GPT) and needs_no_grid(self._device, train.precision))
        learners = []
        for number, journal in enumerate(self._journals):
            prepared = journal.prepared
            model.put(number, prepared.base.tensors)
            lay_out = partial(prepared.lay_out, padded=padded)
            course = lay_out(train.micro_tokens)
            learners.append(Learner(prepared.run.train, lay_out, journal.step, course))
        training = self._training(model.to(self._device), learners, train.micro_tokens)
        for number, journal in enumerate(self._journals):
            journal.checkpoint.restore(training, number)
        self._measure_start(training, bases, warm)
        self._begin("train", "base")
        if isinstance(training, TeamTraining):
            training.begin()
        midway = Midway(training, self._journals, self._tell)

        def after_step() -> None:
            for number, learner in enumerate(learners):
                share = learner.totals.steps / len(learner.course.steps)
                done = self._done[number] + self._shares[number]["train"] * share
                self._progress(self._numbers[number], "train", done)
            with self._clock.phase("evaluate"):
                midway.look()
            due = [n for n, each in enumerate(self._journals) if each.checkpoint.due]
            if due:
                with self._clock.phase("evaluate"):
                    midway.measure()
                self._save(training, due)

        with self._clock.phase("train"):
            fit(training, after_step)
        for journal, learner in zip(self._journals, learners, strict=True):
            journal.tokens["train"] = learner.totals.tokens
        return training

    def _trainee(self, warm: Warm) -> LanguageModel:
        """What is trained, with whatever weights."""
        first = self._journals[0].prepared.run
        if isinstance(first.model, Own):
            return warm.model(first)
        alone = len(self._journals) == 1 and (self._team or self._device.type == "cpu")
        # On one GPU a lone run is a stack of one, whose steps can be launched as one.
        return GPT(shape(first.model), 0 if alone else len(self._journals))

    def _training(
        self, model: LanguageModel, learners: list[Learner], micro_tokens: int
    ) -> Training:
        if self._team is None:
            return Training(model, learners, micro_tokens)
        (learner,) = learners
        assert isinstance(model, GPT)  # nothing else is trained by several
        return TeamTraining(self._team, model, learner, micro_tokens)

    def _measure_start(self, training: Training, bases: Sequence[Evaluation], warm: Warm) -> None:
        """Record how runs that start anew do before their first step."""
        fresh = [not journal.checkpoint.steps for journal in self._journals]
        if not any(fresh):
            return
        rows = [journal.prepared.measured_on("train") for journal in self._journals]
        with self._clock.phase("evaluate"):
            samples = measured(training.model, self._journals, rows, self._tell)
        for number, journal in enumerate(self._journals):
            if fresh[number]:
                journal.evaluation("test", 0, 0.0, bases[number])
                if journal.prepared.examples.validation:
                    chosen_on = self._base(journal, "validation", warm)
                    journal.evaluation("validation", 0, 0.0, chosen_on)
                journal.evaluation("train", 0, 0.0, samples[number])

    def _save(self, training: Training, due: Sequence[int]) -> None:
        """Write the checkpoints of these runs."""
        training.settle()
        for number in due:
            journal = self._journals[number]
            if not training.learners[number].error:
                seconds = self._seconds(journal)
                journal.checkpoint.save(training, number, seconds, journal.tokens)

    def _answer(
        self, model: LanguageModel, finals: Sequence[Measures]
    ) -> list[dict[str, list[ResponseRecord]]]:
        """The answers of each run: split -> records."""
        answered: list[dict[str, list[ResponseRecord]]] = [{} for _ in self._journals]
        splits: tuple[Split, ...] = ("test", "test_families")
        for split in splits:
            asked = []
            for journal, measures in zip(self._journals, finals, strict=True):
                every = journal.prepared.examples.of(split)
                items = every[: journal.prepared.run.score.responses]
                nothing = Evaluation({}, [], 0)
                asked.append(Asked(journal.prepared, items, measures.losses.get(split, nothing)))
            if not any(each.items for each in asked):
                continue
            records = answers(model, asked, split, self._tell)
            for number, own in enumerate(records):
                if own:
                    answered[number][split] = own
        return answered

    def _finish(
        self,
        number: int,
        training: Training,
        measures: Measures,
        answered: Mapping[str, Sequence[ResponseRecord]],
    ) -> Outcome:
        """Write a run's answers and its result, which comes last."""
        journal = self._journals[number]
        cell, model = journal.prepared.cell, training.model
        for records in answered.values():
            for record in records:
                journal.response(record)
        tokens = sum(record.tokens for records in answered.values() for record in records)
        journal.tokens["generate"] = tokens
        totals = training.learners[number].totals
        seconds = self._seconds(journal)
        result = summarise(journal, totals, measures, answered, seconds, self._launched())
        self._progress(self._numbers[number], RECORD, 1.0)
        try:
            if cell.run.launch.save_weights:
                keep_weights(model, number, cell)
                (cell.folder / CARD).write_text(card(cell.run, result), "utf-8")
            write_json(cell.folder / RESULT, result)
        except (OSError, ValueError) as error:
            return error
        journal.checkpoint.remove()
        return result

    def _launched(self) -> dict[str, Any]:
        on_gpu = self._device.type == "cuda"
        name = torch.cuda.get_device_name(self._device) if on_gpu else "cpu"
        gpus = self._team.size if self._team else 1
        return {"device": name, "stack": len(self._journals), "gpus": gpus}

    def _seconds(self, journal: Journal) -> dict[str, float]:
        """Phase -> a run's share of the group's wall seconds, and what earlier tries took."""
        earlier = journal.checkpoint.seconds
        own = {name: spent / len(self._journals) for name, spent in self._clock.read().items()}
        return {name: own.get(name, 0.0) + earlier.get(name, 0.0) for name in (*own, *earlier)}

    def _begin(self, phase: str, before: str) -> None:
        """A phase begins, the one before it is done."""
        self._phase = phase
        for number, shares in enumerate(self._shares):
            self._done[number] += shares[before]
        self._tell()

    def _tell(self) -> None:
        for number, done in zip(self._numbers, self._done, strict=True):
            self._progress(number, self._phase, done)


def _shares(prepared: Prepared) -> dict[str, float]:
    """Phase -> share of a run's work."""
    amounts = work(prepared.run, prepared.examples)
    return {name: amount / sum(amounts.values()) for name, amount in amounts.items()}
