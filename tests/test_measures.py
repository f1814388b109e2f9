"""Measures of importance: how each ranks the tokens of an example."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.encoded import Encoded
from harness.data.example import alpaca
from harness.data.examples import weighted_rows
from harness.data.masks import weigh
from harness.data.measures import Floats, Ranking, inverse_document_frequency, measured
from harness.records.roles import ROLE_ID
from tests.test_masking import FLAT, importance
from tests.tiny import BPE, EXAMPLE, MASKS, run_of, tokens_of


def test_measures_of_importance_rank_as_documented() -> None:
    tokens = tokens_of()
    nats = np.random.default_rng(0).random(len(tokens.ids), np.float32)
    ranking = Ranking(tokens, lambda: FLAT, lambda: nats, seed=(0,))
    assert (measured("surprisal", ranking) == nats).all()
    assert np.argsort(-importance("position", tokens)).tolist() == list(range(len(tokens.ids)))
    first, again, other = (
        importance("random", tokens, seed=seed) for seed in ((0, 1), (0, 1), (0, 2))
    )
    assert (first == again).all() and (first != other).any()


def test_partial_keeps_the_most_important_tokens() -> None:
    """Of eight instruction tokens the four that no other example contains."""
    tokens = tokens_of()
    common = [tokens_of(alpaca(text, "", "no")) for text in ("Name of the.", "Name the of.")]
    idf = inverse_document_frequency([tokens, *common], BPE.size)
    found = weigh(tokens, MASKS["partial"], importance("idf", tokens, idf))
    instruction = tokens.roles == ROLE_ID["instruction"]
    assert [BPE.decode([id]) for id in tokens.ids[instruction & (found > 0)].tolist()] == [
        "N",
        "ame",
        " capital",
        " country",
    ]


def test_idf_is_the_documented_formula() -> None:
    first, second = tokens_of(alpaca("a b", "", "c")), tokens_of(alpaca("a d", "", "e"))
    idf = inverse_document_frequency([first, second], BPE.size)
    assert idf[BPE.encode("a")[0]] == pytest.approx(np.log(3 / 3))
    assert idf[BPE.encode(" d")[0]] == pytest.approx(np.log(3 / 2))
    assert idf[BPE.encode(" zebra")[0]] == pytest.approx(np.log(3 / 1))


def test_a_measure_must_give_a_number_for_each_token() -> None:
    ranking = Ranking(tokens_of(), lambda: FLAT, lambda: FLAT[:3], seed=(0,))
    with pytest.raises(
        ValueError, match=r"^mask.importance=surprisal: an array of \(3,\), expected"
    ):
        measured("surprisal", ranking)


def test_the_base_is_asked_for_surprisal_by_that_measure_alone() -> None:
    item = Encoded(EXAMPLE, tokens_of(), 1, truncated=False)
    asked = []

    def surprisals() -> list[Floats]:
        asked.append(1)
        return [np.zeros(len(item.tokens.ids), np.float32)] * 2

    weighted_rows([item, item], run_of("mask=partial"), surprisals)
    assert not asked
    weighted_rows([item, item], run_of("mask=surprisal"), surprisals)
    assert asked == [1]
