"""Order, steps, micro-batches and the flat layout."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.data import rows as row_module
from harness.data.errors import DataError
from harness.data.example import alpaca
from harness.data.examples import plain_rows, prepare_examples, weighted_rows
from harness.data.masks import weigh
from harness.data.rows import Row, order_digest, plan, shift, split
from harness.models.gpt import GPT, Layout
from harness.records.roles import ROLE_ID, ROLES
from harness.train.evaluate import evaluate
from tests.tiny import BPE, MASKS, assemble, run_of, tokens_of, toy, unasked

LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 400), st.integers(1, 3), st.integers(0, 99))
def test_every_epoch_holds_every_example_once(
    lengths: list[int], size: int, epochs: int, seed: int
) -> None:
    steps = plan(lengths, size, epochs, seed)
    assert len(steps) % epochs == 0 and all(steps)
    each = len(steps) // epochs
    for epoch in range(epochs):
        taken = sorted(chain.from_iterable(steps[epoch * each : (epoch + 1) * each]))
        assert taken == list(range(len(lengths)))


def test_steps_are_equal_in_tokens() -> None:
    lengths = np.random.default_rng(0).integers(20, 100, 500).tolist()
    tokens = [sum(lengths[n] for n in step) for step in plan(lengths, 1024, 2, 3)]
    assert min(tokens) > 1024 - 110 and max(tokens) < 1024 + 110


@given(LENGTHS, st.integers(1, 500))
def test_micro_batches_hold_every_row_once_and_keep_the_limit(
    lengths: list[int], limit: int
) -> None:
    parts = split(lengths, limit)
    assert sorted(chain.from_iterable(parts)) == list(range(len(lengths)))
    assert all(
        len(part) == 1 or len(part) * max(lengths[n] for n in part) <= limit for part in parts
    )


@given(LENGTHS, st.integers(1, 500))
def test_where_padding_does_not_count_the_limit_is_on_tokens(
    lengths: list[int], limit: int
) -> None:
    parts = split(lengths, limit, padded=False)
    assert sorted(chain.from_iterable(parts)) == list(range(len(lengths)))
    totals = [sum(lengths[number] for number in part) for part in parts]
    for part, total in zip(parts, totals, strict=True):
        assert len(part) == 1 or total <= limit
    for taken, after in zip(totals, parts[1:], strict=False):
        assert taken + lengths[after[0]] > limit  # no part could have taken the next row too


def test_linear_layers_see_no_padding_at_all() -> None:
    """Only attention has a grid; what goes through every other layer is exactly the real tokens."""
    rows = plain_rows(prepare_examples(run_of("data.size=50")).train)
    model = toy()
    seen: list[int] = []
    model.blocks[0].up.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[0]))
    hidden(model, rows)
    assert (
        seen == [sum(len(row.inputs) for row in rows)]
        and len({len(row.inputs) for row in rows}) > 5
    )


@pytest.mark.parametrize("words", [0, 1])
def test_trap_20_weighted_targets_are_the_response_and_the_end(words: int) -> None:
    example = alpaca("Say it.", "", " ".join(["yes"] * words))
    tokens = tokens_of(example)
    row = shift(tokens, weigh(tokens, MASKS["full"], np.zeros(len(tokens.ids), np.float32)))
    assert BPE.decode(row.targets[row.weights > 0].tolist()) == example.response + "<|endoftext|>"
    assert (
        row.inputs[np.flatnonzero(row.weights)[0]]
        == tokens.ids[tokens.roles == ROLE_ID["template"]][-1]
    )


def test_trap_21_weights_and_roles_move_with_their_targets() -> None:
    tokens = tokens_of()
    weights = np.arange(len(tokens.ids), dtype=np.float32)
    row = shift(tokens, weights)
    assert (
        row.targets.tolist() == tokens.ids[1:].tolist()
        and row.inputs.tolist() == tokens.ids[:-1].tolist()
    )
    assert (
        row.weights.tolist() == weights[1:].tolist()
        and row.roles.tolist() == tokens.roles[1:].tolist()
    )
    assert inspect.getsource(row_module).count("[1:]") == 3


def test_trap_13_and_14_every_strategy_sees_the_same_examples_in_the_same_order() -> None:
    digests = set()

    def flat() -> list[np.ndarray]:
        return [np.zeros(len(item.tokens.ids), np.float32) for item in examples.train]

    plain = run_of("data.size=40", "train.epochs=2")
    for name in MASKS:
        run = replace(plain, mask=MASKS[name])
        examples = prepare_examples(run)
        rows = weighted_rows(examples.train, run, flat)
        steps = plan(
            [len(row.inputs) for row in rows], run.train.batch_tokens, run.train.epochs, run.seed
        )
        content = b"".join(
            row.inputs.tobytes() + row.targets.tobytes() + row.roles.tobytes() for row in rows
        )
        digests.add((content, order_digest(steps, [item.example.id for item in examples.train])))
    assert len(MASKS) >= 6 and len(digests) == 1
    assert "mask" not in inspect.signature(plan).parameters


def long_run(tmp_path: object, policy: str) -> list[str]:
    return [f"data.too_long={policy}", "model.context=40", "data.size=50"]


def test_trap_11_and_12_truncated_rows_are_counted_and_stay_finite(tmp_path: object) -> None:
    """A context of 40 cuts many answers off; such rows stay in the plan with weight 0, and are
    counted.
    """
    run = run_of(*long_run(tmp_path, "truncate"))
    examples = prepare_examples(run)
    rows = weighted_rows(examples.train, run, unasked)
    empty = [row for row in rows if not row.weights.any()]
    assert len(examples.train) == 50 and examples.counts["truncated"] > 100 and len(empty) > 2
    assert all(np.isfinite(row.weights).all() and len(row.inputs) < 40 for row in rows)


def test_trap_16_a_truncated_row_trains_no_end() -> None:
    run = run_of("data.too_long=truncate", "model.context=40", "data.size=50")
    for item in prepare_examples(run).train:
        assert item.truncated != (item.tokens.ids[-1] == BPE.end)


LONG = (
    r"^example [0-9a-f]{16}: 4[1-9] tokens, model.context=40 holds fewer, and \d+ of 400 examples "
    "are too long; expected a larger context, or data.too_long=truncate or drop$"
)


def test_an_example_above_the_context_is_an_error_unless_a_policy_is_chosen() -> None:
    with pytest.raises(DataError, match=LONG):
        prepare_examples(run_of("model.context=40", "data.size=50"))
    dropped = prepare_examples(run_of("data.too_long=drop", "model.context=40", "data.size=50"))
    assert not dropped.counts["truncated"] and dropped.counts["dropped"] > 400 - len(dropped.test)


def test_others_take_the_place_of_training_examples_that_are_dropped(tmp_path: Path) -> None:
    lines = [
        {"instruction": f"Say {place}.", "output": "word " * (1 if place % 2 else 90)}
        for place in range(24)
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, lines)))
    keys = (f"data.path={tmp_path}/r.jsonl", "data=file", "data.too_long=drop", "model.context=80",
            "data.validation=2", "data.test=2")  # fmt: skip
    for seed in (0, 1):
        small = prepare_examples(run_of(*keys, "data.size=3", f"seed={seed}")).train
        large = prepare_examples(run_of(*keys, "data.size=6", f"seed={seed}")).train
        assert (len(small), len(large)) == (3, 6)
        assert [item.example for item in large[:3]] == [item.example for item in small]
    fit = len(prepare_examples(run_of(*keys, "data.size=full")).train)
    assert 6 < fit < 20
    few = rf"^data.size=20: 20 examples, expected at most the {fit} of the training set that model"
    with pytest.raises(DataError, match=few):
        prepare_examples(run_of(*keys, "data.size=20"))


def hidden(model: GPT, rows: list[Row]) -> torch.Tensor:
    batch = assemble(rows)
    with torch.no_grad():
        states: torch.Tensor = model(batch.inputs, batch.layout)
    return states


def test_trap_30_examples_of_one_batch_do_not_see_each_other() -> None:
    model = toy()
    rows = plain_rows(prepare_examples(run_of("data.size=6")).train)
    changed = [rows[0]._replace(inputs=(rows[0].inputs + 7) % 5000), *rows[1:]]
    before, after = hidden(model, rows), hidden(model, changed)
    own = len(rows[0].inputs)
    assert not torch.allclose(before[:own], after[:own]) and torch.equal(before[own:], after[own:])


def test_trap_30_a_batch_has_the_states_of_its_rows_alone() -> None:
    model = toy()
    rows = plain_rows(prepare_examples(run_of("data.size=6")).train)
    alone = torch.cat([hidden(model, [row]) for row in rows])
    assert torch.allclose(hidden(model, rows), alone, atol=1e-4)


def test_a_full_grid_and_a_flat_layout_agree() -> None:
    model = toy()
    ids = torch.arange(30) % 7
    with torch.no_grad():
        full = model(ids, Layout(3, 10))
        flat = model(ids, Layout(3, 10, torch.arange(30)))
    assert torch.allclose(full, flat, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_trap_31_evaluation_does_not_depend_on_the_batch_size(size: int) -> None:
    model = toy()
    rows = plain_rows(prepare_examples(run_of("data.size=20")).train)
    whole = evaluate(model, rows, 100_000, "fp32")
    longest = max(len(row.inputs) for row in rows)
    found = evaluate(model, rows, size * longest, "fp32")
    assert found.tokens == whole.tokens == sum(len(row.inputs) for row in rows)
    for role, loss in whole.roles.items():
        assert found.roles[role].tokens == loss.tokens
        assert found.roles[role].nats == pytest.approx(loss.nats, rel=1e-6)
    assert [a.nats for a in found.answers] == pytest.approx(
        [a.nats for a in whole.answers], rel=1e-5
    )


def test_trap_32_evaluation_knows_no_mask_and_reports_each_role_apart() -> None:
    model = toy()
    run = run_of("data.size=20")
    examples = prepare_examples(run)
    found = evaluate(model, plain_rows(examples.train), 4096, "fp32")
    masked = evaluate(model, weighted_rows(examples.train, run, unasked), 4096, "fp32")
    assert found == masked
    counts = np.zeros(len(ROLES), int)
    for item in examples.train:
        counts += np.bincount(item.tokens.roles[1:], minlength=len(ROLES))
    assert {role: loss.tokens for role, loss in found.roles.items()} == {
        role: count for role, count in zip(ROLES, counts.tolist(), strict=True) if count
    }


def test_trap_29_cached_tokens_follow_text_template_tokenizer_and_length() -> None:
    """Every run below reuses one process's cache; the mask is no part of its key."""

    def ids(*overrides: str) -> list[list[int]]:
        return [
            item.tokens.ids.tolist()
            for item in prepare_examples(run_of("data.size=3", *overrides)).train
        ]

    plain, headers = ids("data.template=plain"), ids("data.template=headers")
    assert all(len(a) < len(b) for a, b in zip(plain, headers, strict=True))
    assert ids("data.template=plain", "mask=none") == plain
    cut = ids("data.template=headers", "model.context=12", "data.too_long=truncate")
    assert cut == [found[:12] for found in headers]
    assert ids("data.template=headers") == headers and ids("data.distractor=1.0") != headers
