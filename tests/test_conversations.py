"""Ten thousand random conversations: what must hold of every one, whatever its texts, template and
mask.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data.example import Example, Message
from harness.data.masks import weigh
from harness.data.measures import MEASURES, Ranking, inverse_document_frequency
from harness.data.prompt import render, render_prompt
from harness.data.rows import shift
from harness.data.templates import TEMPLATES
from harness.data.tokens import tokenize
from harness.records.roles import ROLE_ID
from harness.train.batch import is_response
from harness.train.loss import weighted_loss
from tests.tiny import BPE, MASKS, assemble, toy

WORDS = st.sampled_from(
    [
        "yes",
        " ",
        "\n\n",
        "### Response:\n",
        "<|endoftext|>",
        "<|im_end|>",
        "é",
        "𝔘",
        "the river",
        "42",
    ]
)
TEXT = st.lists(WORDS, max_size=5).map("".join)
MODEL = toy(context=256)


@st.composite
def conversations(draw: st.DrawFn) -> Example:
    turns = draw(st.lists(st.tuples(TEXT.filter(bool), TEXT), min_size=1, max_size=4))
    opening = [Message("system", draw(TEXT))] if draw(st.booleans()) else []
    said = [
        m for asked, answer in turns for m in (Message("user", asked), Message("assistant", answer))
    ]
    return Example((*opening, *said))


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(conversations(), st.sampled_from(sorted(TEMPLATES.names())), st.sampled_from(sorted(MASKS)))
def test_every_conversation(example: Example, template: str, name: str) -> None:
    segments = render(example, template)
    tokens = tokenize(segments, BPE)
    prompt = tokenize(render_prompt(example, template), BPE)
    assert (tokens.ids[: len(prompt.ids)] == prompt.ids).all()

    expected = [
        (ROLE_ID[segment.role], segment.turn)
        for segment in segments
        for _ in ([0] if segment.role == "end" else BPE.encode(segment.text))
    ]
    assert list(zip(tokens.roles.tolist(), tokens.turns.tolist(), strict=True)) == expected
    answers = [message.content for message in example.messages if message.speaker == "assistant"]
    for turn, answer in enumerate(answers):
        here = (tokens.turns == turn) & np.isin(tokens.roles, [ROLE_ID["response"], ROLE_ID["end"]])
        assert BPE.decode(tokens.ids[here].tolist()) == answer + "<|endoftext|>"

    idf = inverse_document_frequency([tokens], BPE.size)
    ranking = Ranking(tokens, lambda: idf, lambda: idf[tokens.ids], seed=(0,))
    weights = weigh(tokens, MASKS[name], MEASURES.get(MASKS[name].importance)(ranking))
    assert weights.shape == tokens.ids.shape and np.isfinite(weights).all() and (weights >= 0).all()

    row = shift(tokens, weights)
    if not 0 < len(row.inputs) <= 120:
        return
    sums = []
    for rows in (
        [row, row._replace(weights=row.weights / np.float32(2))],
        [row],
        [row._replace(weights=row.weights / np.float32(2))],
    ):
        batch = assemble(rows)
        with torch.no_grad():
            hidden = MODEL(batch.inputs, batch.layout)
            loss = weighted_loss(
                hidden, MODEL.head, batch.targets, batch.weights, ~is_response(batch.roles)
            )
        sums.append((float(loss.total), float(batch.weights.sum())))
    assert sums[0][0] == pytest.approx(sums[1][0] + sums[2][0], rel=1e-4, abs=1e-4)
    assert sums[0][1] == pytest.approx(sums[1][1] + sums[2][1], rel=1e-6)
