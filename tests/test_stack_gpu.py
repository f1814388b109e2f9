"""What only a GPU carries out of a stack: its kernels, CUDA graphs, and training as a whole."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import pytest
import torch

from harness.models.gpt import GPT
from harness.records import StepRecord
from harness.train.decoding import generate
from harness.train.loop import Training, fit
from harness.train.loss import weighted_loss
from harness.train.replay import Replays
from tests.test_stack import RUNS, V, learner
from tests.tiny import toy

pytestmark = pytest.mark.gpu


def test_the_kernel_updates_as_pytorchs_adamw_does() -> None:
    from harness.train.adamw_kernel import update

    generator = torch.Generator("cuda").manual_seed(0)
    shape, rates, beta1, beta2, decay = (3, 70, 50), (1e-3, 5e-3, 0.0), 0.9, 0.99, 0.1
    mine = torch.randn(shape, generator=generator, device="cuda")
    theirs = [mine[run].clone() for run in range(3)]
    moments = torch.zeros(2, *shape, device="cuda")
    others = torch.zeros(2, *shape, device="cuda")
    for step in range(1, 21):
        gradient = torch.randn(shape, generator=generator, device="cuda")
        factors = torch.tensor([1.0, 0.25, 0.5], device="cuda")
        first, second = 1 - beta1**step, 1 - beta2**step
        rows = [[r / first, second**-0.5, 1 - r * decay, beta1, beta2, 1.0] for r in rates]
        figures = torch.tensor(rows, device="cuda")
        update(mine, gradient, moments[0], moments[1], factors, figures, decayed=True, epsilon=1e-8)
        for run, rate in enumerate(rates):
            torch._fused_adamw_(
                [theirs[run]], [gradient[run] * factors[run]], [others[0, run]], [others[1, run]],
                [], [torch.tensor(float(step), device="cuda")], lr=rate, beta1=beta1, beta2=beta2,
                weight_decay=decay, eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip
    for run in range(3):
        assert (mine[run] - theirs[run]).abs().max() < 1e-5, run
    assert (moments - others).abs().max() < 1e-5


def well_defined(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All but the bias of the keys.

    Softmax does not see a shift that all scores of a query share, so that bias has no gradient but
    rounding errors, which AdamW brings to full size.
    """
    kept = dict(tensors)
    for name, tensor in tensors.items():
        if name.endswith("qkv.bias"):
            query, _, value = tensor.chunk(3)
            kept[name] = torch.cat([query, value])
    return kept


def trained(as_one: bool) -> tuple[GPT, list[list[StepRecord]], int]:
    """A stack after all steps in bf16, its records, and how many graphs were recorded."""
    stack = GPT(toy(V, 64).shape, len(RUNS))
    records: list[list[StepRecord]] = [[] for _ in RUNS]
    learners = []
    for number in range(len(RUNS)):
        stack.put(number, toy(V, 64, seed=number).of_run(0))
        each = learner(number, records[number])
        each.train = replace(each.train, precision="bf16" if as_one else "fp32")
        learners.append(each)
    training = Training(stack.cuda(), learners, 4096)
    graphs = 0
    while any(each.left for each in learners):
        training.step()
        graphs = max(graphs, training.graphs)
    training.settle()
    return stack, records, graphs


def test_steps_launched_as_one_train_as_steps_launched_kernel_by_kernel() -> None:
    stack, records, graphs = trained(as_one=True)
    _, plain, none = trained(as_one=False)
    assert 0 < graphs < 8 and none == 0
    for mine, theirs in zip(records, plain, strict=True):
        assert len(mine) == len(theirs)
        for one, two in zip(mine, theirs, strict=True):
            assert one.loss == pytest.approx(two.loss, rel=0.02)
            assert one.grad_norm == pytest.approx(two.grad_norm, rel=0.1)
    assert all(torch.isfinite(tensor).all() for tensor in stack.state_dict().values())


def test_a_lone_run_may_be_a_stack_of_one() -> None:
    records: list[list[StepRecord]] = [[], []]
    models = [GPT(toy(V, 64).shape, 1), GPT(toy(V, 64).shape)]
    for model, own in zip(models, records, strict=True):
        model.put(0, toy(V, 64).of_run(0))
        fit(Training(model.cuda(), [learner(0, own)], 4096), lambda: None)
    for one, two in zip(*records, strict=True):
        assert one.loss == pytest.approx(two.loss, rel=1e-5)


def test_answers_launched_as_one_are_those_of_the_cpu() -> None:
    model = toy(V, 64)
    prompts = [[number % V, 3, 5][: 1 + number % 3] for number in range(40)]
    expected = generate(model, prompts, 7, 40, 10_000, "fp32")
    assert generate(model.cuda(), prompts, 7, 40, 10_000, "fp32") == expected


def test_a_stack_of_one_answers_alike_where_no_graph_can_be_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = GPT(toy(V, 200).shape, 1)
    model.put(0, toy(V, 200).of_run(0))
    # Rows end at different times, so that ever fewer are left, down to one.
    prompts = [[number % V, 3, 5][: 1 + number % 3] for number in range(40)]
    recorded = generate(model.cuda(), prompts, 7, 150, 10_000, "bf16")

    def refuse(*_: object) -> NoReturn:
        raise torch.AcceleratorError("operation failed due to a previous error during capture")

    monkeypatch.setattr(Replays, "_record", refuse)
    assert generate(model, prompts, 7, 150, 10_000, "bf16") == recorded


def test_a_graph_that_is_garbage_ends_no_recording() -> None:
    old = [Replays(lambda inputs, _: inputs[0] * 2)]
    number = torch.ones(1, device="cuda")
    calls = []

    def work(inputs: Sequence[torch.Tensor], _: int) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:  # while it is recorded
            circle: list[object] = [old.pop()]
            circle.append(circle)
            del circle
            gc.set_threshold(20, 1, 1)
            assert len([[] for _ in range(1000)]) == 1000  # calls for a collection
        return inputs[0] + 1

    before = gc.get_threshold()
    gc.set_threshold(1_000_000)
    try:
        for _ in range(2):
            old[0]([number])
        own = Replays(work)
        assert [own([number]).item() for _ in range(3)] == [2.0, 2.0, 2.0]
    finally:
        gc.set_threshold(*before)


def test_a_vocabulary_filled_up_has_the_same_loss_and_gradients() -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    outcomes = []
    hidden = torch.randn(2, 90, 32, generator=generator, device="cuda")
    head = torch.randn(2, V, 32, generator=generator, device="cuda")
    targets = torch.randint(V, (2, 90), generator=generator, device="cuda")
    weights = torch.rand(2, 90, generator=generator, device="cuda")
    for where in ("cuda", "cpu"):
        own = [tensor.to(where).detach().requires_grad_() for tensor in (hidden, head)]
        places = torch.arange(90, device=where).expand(2, 90)
        is_prompt = torch.zeros(2, 90, dtype=torch.bool, device=where)
        rest = (targets.to(where), weights.to(where), is_prompt, places)
        loss = weighted_loss(own[0], own[1], *rest).total
        loss.sum().backward()
        outcomes.append([loss, *(tensor.grad for tensor in own)])
    for mine, theirs in zip(*outcomes, strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("micro_tokens", [4096, 40])
def test_each_run_of_a_stack_equals_its_lone_run_on_a_gpu(micro_tokens: int) -> None:
    stack = GPT(toy(V, 64).shape, len(RUNS))
    records: list[list[StepRecord]] = [[] for _ in RUNS]
    learners = []
    for number in range(len(RUNS)):
        stack.put(number, toy(V, 64, seed=number).of_run(0))
        learners.append(learner(number, records[number], micro_tokens))
    fit(Training(stack.cuda(), learners, micro_tokens), lambda: None)
    for number in range(len(RUNS)):
        alone: list[StepRecord] = []
        lone = toy(V, 64, seed=number).cuda()
        fit(Training(lone, [learner(number, alone, micro_tokens)], micro_tokens), lambda: None)
        for one, other in zip(records[number], alone, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-5)
            assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-5)
        mine, theirs = well_defined(stack.of_run(number)), well_defined(lone.of_run(0))
        for name in theirs:
            assert (mine[name] - theirs[name]).abs().max() < 5e-5, (number, name)
