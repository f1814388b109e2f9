"""Runs that train as one model: each is what it would be alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from harness.data.rows import Row, plan
from harness.models.gpt import GPT
from harness.records import StepRecord
from harness.train.batch import restored, stack
from harness.train.decoding import generate, generate_all
from harness.train.evaluate import evaluate, evaluate_all
from harness.train.learner import Learner
from harness.train.loop import FILLER, Training, fit, weighted_sum
from harness.train.room import fitting, largest
from harness.train.steps import Course, course, cut
from tests.tiny import MASKS, random_rows, run_of, toy

V = 61
TRAIN = run_of("train.batch_tokens=60", "train.clip=0.5").train
RUNS = (
    # seed, examples, epochs, mask, normaliser, rate: 35, 20, 8 and 4 steps or so
    (1, 40, 7, "none", "joint", 3e-3),
    (2, 32, 4, "full", "response", 1e-3),
    (3, 25, 2, "annealed", "example", 5e-3),
    (4, 12, 2, "full", "joint", 2e-3),
)


def learner(
    number: int, records: list[StepRecord], micro_tokens: int = 4096, rate: float = 0.0
) -> Learner:
    seed, count, epochs, mask, normalize, usual = RUNS[number]
    rows = random_rows(count, V, seed, mask)
    changes: dict[str, Any] = {"normalize": normalize, "epochs": epochs}
    settings = replace(TRAIN, **changes)
    steps = plan([len(row.inputs) for row in rows], settings.batch_tokens, epochs, seed)

    def lay_out(limit: int) -> Course:
        return course(rows, cut(rows, steps, limit), settings, MASKS[mask], rate or usual)

    return Learner(settings, lay_out, records.append, lay_out(micro_tokens))


def alone(number: int, micro_tokens: int = 4096) -> tuple[GPT, list[StepRecord]]:
    records: list[StepRecord] = []
    model = toy(V, 64, seed=number).double()
    fit(Training(model, [learner(number, records, micro_tokens)], micro_tokens), lambda: None)
    return model, records


def stacked(
    numbers: list[int], micro_tokens: int = 4096, rates: dict[int, float] | None = None
) -> tuple[GPT, Training, list[list[StepRecord]]]:
    model = GPT(toy(V, 64).shape, len(numbers)).double()
    records: list[list[StepRecord]] = [[] for _ in numbers]
    learners = []
    for place, number in enumerate(numbers):
        model.put(place, toy(V, 64, seed=number).double().of_run(0))
        rate = (rates or {}).get(number, 0.0)
        learners.append(learner(number, records[place], micro_tokens, rate))
    training = Training(model, learners, micro_tokens)
    fit(training, lambda: None)
    return model, training, records


@pytest.mark.parametrize("micro_tokens", [4096, 40])
def test_each_run_of_a_stack_equals_its_lone_run(micro_tokens: int) -> None:
    model, training, records = stacked([0, 1, 2, 3], micro_tokens)
    assert [each.totals.steps for each in training.learners] == [
        len(each.course.steps) for each in training.learners
    ]
    assert len(training.learners[0].course.steps) >= 30
    for number in range(4):
        lone, written = alone(number)
        mine, theirs = model.of_run(number), lone.of_run(0)
        for name in theirs:
            assert (mine[name] - theirs[name]).abs().max() < 1e-9, (number, name)
        assert len(records[number]) == len(written)
        for one, other in zip(records[number], written, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-9)
            assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-9)
            assert (one.lr, one.tokens, one.weight) == (other.lr, other.tokens, other.weight)
    assert any(record.grad_norm > 0.5 for record in records[0]), "clipping never happened"


def test_a_run_that_diverges_leaves_the_others_untouched() -> None:
    model, training, records = stacked([0, 1, 2], rates={1: 1e200})
    assert "expected finite numbers" in training.learners[1].error
    assert len(records[1]) < len(training.learners[1].course.steps)
    for number in (0, 2):
        assert not training.learners[number].error
        lone = alone(number)[0].of_run(0)
        for name, tensor in model.of_run(number).items():
            assert (tensor - lone[name]).abs().max() < 1e-9, (number, name)


def test_evaluation_and_answers_of_a_stack_are_those_of_its_runs() -> None:
    lone = [toy(V, 64, seed=number) for number in (5, 6, 7)]
    model = GPT(lone[0].shape, 3)
    for number, each in enumerate(lone):
        model.put(number, each.of_run(0))
    sets: list[list[Row]] = [random_rows(9, V, 1, "none"), [], random_rows(4, V, 2, "none")]
    for batch_tokens in (40, 4096):
        evaluations = evaluate_all(model, sets, batch_tokens, "fp32")
        for number in (0, 2):
            own = evaluate(lone[number], sets[number], 4096, "fp32")
            assert evaluations[number].tokens == own.tokens
            assert list(evaluations[number].roles) == list(own.roles)
            for role, loss in own.roles.items():
                assert evaluations[number].roles[role].nats == pytest.approx(loss.nats, rel=1e-5)
            mine = [loss.nats for loss in evaluations[number].answers]
            assert mine == pytest.approx([loss.nats for loss in own.answers], rel=1e-4)
        assert evaluations[1].tokens == 0 and evaluations[1].answers == []
    rng = np.random.default_rng(0)
    prompts = [
        [rng.integers(0, V, length).tolist() for length in lengths]
        for lengths in ((3, 9, 1, 30), (), (5, 60))
    ]
    for batch_tokens in (90, 4096):
        answers = generate_all(model, prompts, 7, 12, batch_tokens, "fp32")
        assert answers[1] == []
        for number in (0, 2):
            assert answers[number] == generate(lone[number], prompts[number], 7, 12, 4096, "fp32")
    assert not math.isnan(model.head.sum().item())
    assert torch.equal(model.of_run(1)["norm.weight"], lone[1].of_run(0)["norm.weight"])


def test_a_batch_filled_up_to_a_room_has_the_same_losses() -> None:
    model = GPT(toy(V, 64).shape, 3).double()
    parts = []
    learners = [learner(number, []) for number in range(3)]
    for number, each in enumerate(learners):
        model.put(number, toy(V, 64, seed=number).double().of_run(0))
        parts.append(each.course.part(1, 0))
    most = largest([each.course for each in learners])
    room = most._replace(tokens=most.tokens + 32, places=most.places + 7)
    plain, filled = stack(parts, FILLER), stack(parts, FILLER, room)
    assert filled.inputs.shape == (3, room.tokens) and plain.inputs.shape[1] < room.tokens
    assert filled.layout.starts is not None and len(filled.layout.starts) == most.rows + 1
    again = restored(filled.tensors(), room)
    expected = weighted_sum(model, plain, "fp32").total
    for batch in (filled, again):
        total = weighted_sum(model, batch, "fp32").total
        torch.testing.assert_close(total, expected, rtol=1e-12, atol=0.0)


def test_steps_share_few_rooms_which_hold_them() -> None:
    each = learner(0, []).course
    most = largest([each])
    rooms = {fitting(most, [step]) for step in each.steps}
    assert len(rooms) <= 8
    for step in each.steps:
        room = fitting(most, [step])
        assert room.tokens > step.tokens and room.places >= step.weighted
