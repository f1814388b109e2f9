"""The weighted loss: values, gradients, and how they add up over micro-batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from harness.data.rows import Row, shift
from harness.models.gpt import GPT
from harness.records.roles import ROLE_ID
from harness.train.batch import is_response
from harness.train.loss import token_nll, weighted_loss
from tests.tiny import MASKS, accumulate, assemble, normalise, one_step, toy

V = 61


def row(length: int, seed: int, weight: float | None = None, response: int = 3) -> Row:
    """A random row whose last `response` targets are response tokens and the end."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, V, length + 1).astype(np.int32)
    roles = np.full(length, ROLE_ID["instruction"], np.int8)
    roles[length - response :] = ROLE_ID["response"]
    roles[-1:] = ROLE_ID["end"]
    weights = (
        rng.random(length, np.float32) if weight is None else np.full(length, weight, np.float32)
    )
    return Row(ids[:-1], ids[1:], roles, weights)


def gradient(
    model: GPT, parts: list[list[Row]], normalize: str = "joint"
) -> tuple[float, torch.Tensor]:
    """Loss and flat gradient of one optimiser step whose rows come in these micro-batches."""
    model.zero_grad()
    places = iter(range(sum(map(len, parts))))
    cut = [[next(places) for _ in part] for part in parts]
    step = one_step([each for part in parts for each in part], normalize, cut)
    sums = accumulate(model, step)
    grads = [
        (torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()
    ]
    return float(sums.total) / step.steps[0].denominator, torch.cat(grads)


@pytest.fixture(scope="module")
def model() -> GPT:
    return toy(V, 64).double()


def as_double(rows: list[Row]) -> list[Row]:
    return [each._replace(weights=each.weights.astype(np.float64)) for each in rows]


def test_loss_and_gradients_equal_torchs_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(700, 16, generator=generator, requires_grad=True)
    head = torch.randn(V, 16, generator=generator, requires_grad=True)
    targets = torch.randint(0, V, (700,), generator=generator)
    weights = torch.rand(700, generator=generator) * (torch.rand(700, generator=generator) > 0.4)
    found = weighted_loss(hidden, head, targets, weights, torch.arange(700) < 350)
    (found.total / 7).backward()
    assert hidden.grad is not None and head.grad is not None
    mine = hidden.grad.clone(), head.grad.clone()
    hidden.grad.zero_()
    head.grad.zero_()
    nll = functional.cross_entropy(hidden @ head.T, targets, reduction="none")
    ((weights * nll).sum() / 7).backward()
    assert found.total.item() == pytest.approx((weights * nll).sum().item(), rel=1e-5)
    assert found.prompt.item() == pytest.approx((weights * nll)[:350].sum().item(), rel=1e-5)
    assert torch.allclose(mine[0], hidden.grad, atol=1e-6) and torch.allclose(
        mine[1], head.grad, atol=1e-4
    )
    assert torch.allclose(token_nll(hidden, head, targets), nll, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(4, 20), min_size=2, max_size=6), st.integers(0, 2**20), st.data())
def test_trap_1_gradients_do_not_depend_on_the_split_into_micro_batches(
    model: GPT, lengths: list[int], seed: int, data: st.DataObject
) -> None:
    rows = as_double([row(length, seed + place) for place, length in enumerate(lengths)])
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows) - 1))))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    for normalize in ("joint", "response", "example"):
        whole, split = gradient(model, [rows], normalize), gradient(model, parts, normalize)
        assert whole[0] == pytest.approx(split[0], rel=1e-9)
        assert torch.allclose(whole[1], split[1], rtol=1e-7, atol=1e-12)


def test_trap_2_two_workers_of_unequal_weight_add_up_to_one(model: GPT) -> None:
    """Each worker divides its own sum by the whole step's denominator: 1 weighted token beside
    100.
    """
    light, heavy = as_double([row(12, 1, weight=0.0), row(60, 2, weight=1.0, response=50)])
    light.weights[-1] = 1.0
    rows = [light, *[heavy] * 2]
    whole = gradient(model, [rows])
    denominator = normalise(rows, "joint")[1]
    assert denominator == 121.0
    shares = []
    for shard in ([light], [heavy] * 2):
        own = normalise(shard, "joint")[1]
        loss, grad = gradient(model, [shard])
        shares.append((loss * own / denominator, grad * own / denominator))
    assert whole[0] == pytest.approx(shares[0][0] + shares[1][0], rel=1e-9)
    assert torch.allclose(whole[1], shares[0][1] + shares[1][1], rtol=1e-7, atol=1e-12)


def test_trap_1_a_mean_of_means_would_differ_on_this_batch(model: GPT) -> None:
    """The rows above have unequal weighted tokens, without which the test could not tell."""
    rows = as_double([row(4, 1), row(20, 2)])
    whole = gradient(model, [rows])[0]
    means = [gradient(model, [[each]])[0] for each in rows]
    assert abs(whole - sum(means) / 2) > 0.01


@pytest.mark.parametrize("name", ["full", "partial", "prompt_weight"])
def test_trap_3_the_denominator_is_the_weight_of_the_terms_that_enter(name: str) -> None:
    """The first token of a row is never a target, so its weight must not count."""
    from tests.tiny import tokens_of

    tokens = tokens_of()
    weights = np.arange(1, len(tokens.ids) + 1, dtype=np.float32)
    shifted = shift(tokens, weights)
    assert normalise([shifted], "joint")[1] == weights[1:].sum()
    assert MASKS[name].weight


def test_trap_4_a_row_without_weight_changes_neither_loss_nor_gradient(model: GPT) -> None:
    rows = as_double([row(9, 1), row(12, 2)])
    masked = as_double([row(15, 3, weight=0.0, response=0)])
    masked = [each._replace(roles=np.full(15, ROLE_ID["instruction"], np.int8)) for each in masked]
    for normalize in ("joint", "response", "example"):
        alone, beside = (
            gradient(model, [rows], normalize),
            gradient(model, [rows + masked], normalize),
        )
        assert alone[0] == pytest.approx(beside[0], rel=1e-12)
        assert torch.allclose(alone[1], beside[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_trap_5_at_a_fixed_denominator_weights_scale_the_gradient(model: GPT, size: int) -> None:
    """`response` divides by a count that weights do not enter: halved weights halve the gradient,
    row by row.
    """
    rows = as_double([row(6 + place, place) for place in range(4)])
    halved = [each._replace(weights=0.5 * each.weights) for each in rows]
    parts = [rows[a : a + size] for a in range(0, 4, size)]
    half = [halved[a : a + size] for a in range(0, 4, size)]
    assert torch.allclose(
        0.5 * gradient(model, parts, "response")[1],
        gradient(model, half, "response")[1],
        rtol=1e-9,
        atol=1e-14,
    )


def test_trap_6_a_weight_of_a_half_differs_from_0_and_from_1(model: GPT) -> None:
    """At a fixed denominator half a weight has half the gradient: the mean of those of 0 and 1."""
    found = []
    for weight in (0.0, 0.5, 1.0):
        rows = as_double([row(8, 1, weight=1.0)])
        rows[0].weights[:4] = weight
        found.append(gradient(model, [rows], "response"))
    (zero, none), (half, middle), (one, all_) = found
    assert half == pytest.approx((zero + one) / 2, rel=1e-9) and one - zero > 0.1
    assert torch.allclose(middle, (none + all_) / 2, rtol=1e-7, atol=1e-12)


def test_trap_7_a_small_prompt_weight_changes_the_gradient(model: GPT) -> None:
    gradients = []
    for weight in (0.0, 0.1):
        rows = as_double([row(8, 1, weight=1.0)])
        rows[0].weights[:5] = weight
        gradients.append(gradient(model, [rows], "response")[1])
    assert (gradients[0] - gradients[1]).abs().max() > 1e-4


def test_trap_8_golden_value_of_each_normaliser() -> None:
    """Uniform logits: every nll is ln V, so a loss is ln V times Σ w over the denominator."""
    rows = [row(10, 1, weight=0.5, response=4), row(6, 2, weight=1.0, response=2)]
    golden = {"joint": 11.0, "response": 6.0, "example": 2.0}
    sums = {"joint": 11.0, "response": 11.0, "example": 2.0}
    for normalize, denominator in golden.items():
        scaled, found = normalise(rows, normalize)
        batch = assemble(scaled)
        hidden = torch.zeros(len(batch.targets), 4)
        loss = weighted_loss(
            hidden, torch.zeros(V, 4), batch.targets, batch.weights, ~is_response(batch.roles)
        )
        assert found == denominator
        assert float(loss.total) == pytest.approx(sums[normalize] * math.log(V), rel=1e-5)


def test_trap_10_the_loss_leaves_its_batch_as_it_was(model: GPT) -> None:
    batch = assemble([row(9, 1), row(5, 2)])
    before = [tensor.clone() for tensor in batch[:6]]
    single = toy(V, 64)
    hidden = single(batch.inputs, batch.layout)
    kept = hidden.detach().clone()
    weighted_loss(
        hidden, single.head, batch.targets, batch.weights, ~is_response(batch.roles)
    ).total.backward()
    assert all(torch.equal(a, b) for a, b in zip(before, batch[:6], strict=True))
    assert torch.equal(kept, hidden.detach())


def test_trap_15_a_micro_batch_without_weight_goes_backward_and_adds_nothing(model: GPT) -> None:
    rows = as_double([row(7, 1)])
    masked = as_double([row(7, 2, weight=0.0)])
    assert gradient(model, [masked])[0] == 0.0
    assert not gradient(model, [masked])[1].any()
    assert torch.allclose(
        gradient(model, [rows])[1], gradient(model, [rows, masked])[1], rtol=1e-9, atol=1e-14
    )


def test_trap_21_one_shift_a_model_with_a_known_answer() -> None:
    """A 'model' whose state for token t puts all mass on t + 1 has loss 0 on counting, and only on
    counting.
    """
    ids = np.arange(10, dtype=np.int32)
    from harness.data.tokens import Tokens

    tokens = Tokens(ids, np.full(10, ROLE_ID["response"], np.int8), np.zeros(10, np.int16))
    weights = np.zeros(10, np.float32)
    weights[4] = 1.0  # predicts id 4 from id 3
    batch = assemble([shift(tokens, weights)])
    hidden = 50.0 * functional.one_hot(batch.inputs + 1, V).float()
    found = weighted_loss(
        hidden, torch.eye(V), batch.targets, batch.weights, ~is_response(batch.roles)
    )
    assert float(found.total) == pytest.approx(0.0, abs=1e-6)
    assert batch.inputs[batch.weights > 0].tolist() == [3] and batch.targets[
        batch.weights > 0
    ].tolist() == [4]
    shifted_twice = weighted_loss(
        hidden[:-1], torch.eye(V), batch.targets[1:], batch.weights[1:], batch.roles[1:] < 0
    )
    assert float(shifted_twice.total) > 10
