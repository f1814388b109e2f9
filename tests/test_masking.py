"""Masks: what each strategy weighs, and the null controls between strategies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.schema import Mask, Tier
from harness.data.encoded import Encoded
from harness.data.errors import DataError
from harness.data.example import alpaca
from harness.data.examples import weighted_rows
from harness.data.masks import plain, said_in_vain, weigh
from harness.data.measures import (
    Floats,
    Ranking,
    inverse_document_frequency,
    measured,
)
from harness.data.tokens import Tokens
from harness.records.roles import ROLE_ID, ROLES
from harness.train.schedules import prompt_scale
from tests.tiny import BPE, DIALOGUE, EXAMPLE, MASKS, mask_of, run_of, tokens_of, unasked

FLAT = np.zeros(BPE.size, np.float32)


def importance(
    name: str, tokens: Tokens, idf: Floats = FLAT, seed: tuple[int, ...] = (0,)
) -> Floats:
    return measured(name, Ranking(tokens, lambda: idf, unasked, seed))


def weights(
    mask: Mask, tokens: Tokens | None = None, score: np.ndarray | None = None
) -> np.ndarray:
    tokens = tokens or tokens_of()
    return weigh(tokens, mask, np.zeros(len(tokens.ids), np.float32) if score is None else score)


def by_role(mask: Mask, tokens: Tokens | None = None) -> dict[str, list[float]]:
    """Role -> weights of its tokens, rounded, in order; importance falls with the position."""
    tokens = tokens or tokens_of()
    score = -np.arange(len(tokens.ids), dtype=np.float32)
    found = weights(mask, tokens, score)
    return {
        role: [round(value, 6) for value in found[tokens.roles == ROLE_ID[role]].tolist()]
        for role in ROLES
        if (tokens.roles == ROLE_ID[role]).any()
    }


# The example's tokens by role: 22 template, 8 instruction, 6 input, 3 response, 1 end.
PART = ([1, 1, 1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0])
ALL, NO, ANSWER = ([1] * 22, [1] * 8, [1] * 6), ([0] * 22, [0] * 8, [0] * 6), ([1] * 3, [1])
LONG = tuple([round(32 / 36, 6)] * count for count in (22, 8, 6))
GOLDEN = {
    "none": (*ALL, *ANSWER),
    "full": (*NO, *ANSWER),
    "partial": (NO[0], *PART, *ANSWER),
    "surprisal": (NO[0], *PART, *ANSWER),
    "random": (
        NO[0],
        *PART,
        *ANSWER,
    ),  # importance is given here; what it is by itself is tested below
    "hierarchical": (
        NO[0],
        [1, 1, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1],
        [1, 1, 0.5, 0.1, 0.1, 0.1],
        *ANSWER,
    ),
    "template": (NO[0], *ALL[1:], *ANSWER),
    "prompt_weight": ([0.1] * 22, [0.1] * 8, [0.1] * 6, *ANSWER),
    "assistant_all": (*NO, *ANSWER),
    "assistant_first": (*NO, *ANSWER),
    "assistant_last": (*NO, *ANSWER),
    "users_only": (NO[0], *ALL[1:], [0] * 3, [0]),
    "end_masked": (*NO, [1] * 3, [0]),
    "tags_in_loss": (ALL[0], *NO[1:], *ANSWER),
    "response_drop": (*NO, [1, 1, 0], [1]),
    "annealed": (*ALL, *ANSWER),
    "long_input": (*LONG, *ANSWER),
    "from_data": (*NO, *ANSWER),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_trap_24_golden_weights_per_role(name: str) -> None:
    roles = ("template", "instruction", "input", "response", "end")
    assert by_role(MASKS[name]) == dict(zip(roles, GOLDEN[name], strict=True))


@pytest.mark.parametrize(
    ("name", "responses", "ends"),
    [
        ("assistant_all", ["A model.", "Of text."], 2),
        ("assistant_first", ["A model."], 1),
        ("assistant_last", ["Of text."], 1),
        ("users_only", [], 0),
        ("end_masked", ["A model.", "Of text."], 0),
    ],
)
def test_turns_choose_whose_answers_train(name: str, responses: list[str], ends: int) -> None:
    tokens = tokens_of(DIALOGUE)
    found = weights(MASKS[name], tokens) > 0
    said = [
        BPE.decode(
            tokens.ids[
                found & (tokens.turns == turn) & (tokens.roles == ROLE_ID["response"])
            ].tolist()
        )
        for turn in range(2)
    ]
    assert [text for text in said if text] == responses
    assert (found & (tokens.roles == ROLE_ID["end"])).sum() == ends


def test_long_prompts_weigh_less_and_short_ones_the_same() -> None:
    for words, total in ((5, None), (100, 32.0), (400, 32.0)):
        tokens = tokens_of(alpaca("go " * words, "", "yes"))
        prompt = np.isin(tokens.roles, [ROLE_ID[role] for role in ("template", "instruction")])
        found = weights(MASKS["long_input"], tokens)
        assert (
            found[prompt].sum() == pytest.approx(total or prompt.sum(), rel=1e-4)
            and (found[~prompt] == 1).all()
        )


def test_annealing_runs_from_1_to_0() -> None:
    assert [prompt_scale(step, 5, "falling") for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert (
        {prompt_scale(step, 5, "constant") for step in range(5)}
        == {1.0}
        == {prompt_scale(0, 1, "falling")}
    )


def test_full_trains_every_answer_of_a_dialogue_and_nothing_else() -> None:
    found = by_role(MASKS["full"], tokens_of(DIALOGUE))
    assert {role for role, values in found.items() if any(values)} == {"response", "end"}
    assert found["end"] == [1, 1] and all(found["response"])


def test_null_control_prompt_weight_1_is_none_and_0_is_full() -> None:
    for value, name in ((1.0, "none"), (0.0, "full")):
        mask = mask_of("prompt_weight", f"mask.prompt_weight={value}")
        for example in (EXAMPLE, DIALOGUE):
            tokens = tokens_of(example)
            assert weights(mask, tokens).tobytes() == weights(MASKS[name], tokens).tobytes()


def test_null_control_a_random_mask_of_equal_dose_differs_from_partial() -> None:
    random = mask_of("partial", "mask.importance=random")
    tokens = tokens_of(
        alpaca(
            "Name three rivers that flow into the sea of the north.", "A long input text.", "Elbe"
        )
    )
    idf = inverse_document_frequency([tokens, tokens_of()], BPE.size)
    found = [
        weigh(tokens, mask, importance(mask.importance, tokens, idf, (0, 1)))
        for mask in (MASKS["partial"], random)
    ]
    for role in ROLES:
        here = tokens.roles == ROLE_ID[role]
        assert found[0][here].sum() == found[1][here].sum()
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("name", sorted(MASKS))
def test_trap_6_a_fraction_is_neither_0_nor_1(name: str) -> None:
    halved = replace(
        MASKS[name], weight={role: 0.5 * value for role, value in MASKS[name].weight.items()}
    )
    assert (
        np.allclose(weights(halved), 0.5 * weights(MASKS[name]))
        and weights(halved).dtype == np.float32
    )


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_keep_takes_the_rounded_up_share_of_each_role(count: int, share: float, seed: int) -> None:
    tokens = Tokens(
        np.arange(2 * count, dtype=np.int32),
        np.repeat(np.array([ROLE_ID["instruction"], ROLE_ID["response"]], np.int8), count),
        np.zeros(2 * count, np.int16),
    )
    mask = replace(
        MASKS["none"],
        weight={"instruction": 0.3, "response": 1.0},
        keep={"instruction": share},
        importance="random",
    )
    score = importance("random", tokens, seed=(seed,))
    found = weigh(tokens, mask, score)
    kept = np.flatnonzero(found[:count])
    assert len(kept) == int(np.ceil(share * count - 1e-9)) and (found[count:] == 1).all()
    if 0 < len(kept) < count:
        assert score[kept].min() >= np.delete(score[:count], kept).max()


def test_a_dropped_half_of_the_response_is_drawn_unless_a_measure_is_named() -> None:
    """`response_drop` draws; `full` with the same share keeps the half that tells most."""
    told = np.arange(8, dtype=np.float32)
    tokens = Tokens(
        np.arange(8, dtype=np.int32),
        np.full(8, ROLE_ID["response"], np.int8),
        np.zeros(8, np.int16),
    )
    half = mask_of("full", "mask.keep.response=0.5")
    assert half.importance == "idf" and MASKS["response_drop"].importance == "random"
    assert weigh(tokens, half, told).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    drawn = {
        tuple(weigh(tokens, MASKS["response_drop"], importance("random", tokens, seed=(seed,))))
        for seed in range(20)
    }
    assert len(drawn) > 5 and all(sum(weights) == 4 for weights in drawn)


def test_tiers_grade_by_rank_within_each_role() -> None:
    mask = replace(
        MASKS["none"],
        weight={"instruction": 2.0},
        tiers=[Tier(top=0.3, weight=1.0), Tier(top=0.6, weight=0.25)],
    )
    tokens = Tokens(
        np.arange(10, dtype=np.int32),
        np.full(10, ROLE_ID["instruction"], np.int8),
        np.zeros(10, np.int16),
    )
    assert weigh(tokens, mask, np.arange(10, dtype=np.float32)).tolist() == [
        0,
        0,
        0,
        0,
        0.5,
        0.5,
        0.5,
        2,
        2,
        2,
    ]


def test_trap_26_a_mask_without_any_weight_is_an_error_that_names_the_example() -> None:
    run = run_of("mask=full", "mask.weight={system: 1.0, response: 0.0, end: 0.0}")
    item = Encoded(EXAMPLE, tokens_of(), 1, truncated=False)
    with pytest.raises(
        DataError,
        match=f"no token of any training example has weight, the first being {EXAMPLE.id}",
    ):
        weighted_rows([item], run, unasked)


def test_settings_of_the_prompt_that_say_nothing_are_refused_where_no_mask_hears_them() -> None:
    masks = [
        mask_of("full", "mask.prompt_weight=0.1"),
        mask_of("end_masked", "mask.schedule=falling"),
    ]
    assert said_in_vain(masks) == [
        (
            "mask.prompt_weight=0.1: says nothing of full, where the prompt weighs 0; "
            "expected a mask in which it weighs, such as none"
        ),
        (
            "mask.schedule=falling: says nothing of end_masked, where the prompt weighs 0; "
            "expected a mask in which it weighs, such as none"
        ),
    ]
    assert said_in_vain([*masks, mask_of("none", "mask.prompt_weight=0.1")]) == []


def test_equal_masks_are_equal_whatever_they_do_not_use() -> None:
    full = mask_of("full")
    assert full == plain(mask_of("full", "mask.prompt_weight=0.1", "mask.importance=random"))
    assert full == plain(mask_of("full", "mask.keep.input=0.5")) != plain(mask_of("response_drop"))
    for name, mask in MASKS.items():
        tokens = tokens_of(DIALOGUE)
        score = importance("random", tokens)
        assert (
            weigh(tokens, mask, score).tobytes() == weigh(tokens, plain(mask), score).tobytes()
        ), name
