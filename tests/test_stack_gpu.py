"""What only a GPU carries out of a stack: the AdamW kernel, and training in fp32 as a whole."""

from __future__ import annotations

import pytest
import torch

from harness.models.gpt import GPT
from harness.records import StepRecord
from harness.train.loop import Training, fit
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
        rows = [[r / first, second**-0.5, 1 - r * decay, beta1, beta2] for r in rates]
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
