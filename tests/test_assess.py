"""What is measured of a base: the loss against transformers' reading of it, last words, and their
passages.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from harness.__main__ import main
from harness.bases.assess import held_out, last_words
from harness.bases.last_word import Passage, passages
from harness.models.gpt import Layout
from harness.train.decoding import generate
from tests.tiny import BPE, toy

FILLER = (
    "The keeper walked along the wall and looked over the water for a long time "
    "before the rain came. "
) * 2
STORY = (
    f"A lantern hung in the tower. {FILLER}"
    "Nobody had ever told him who had made it, or when, "
    "but every night he climbed up and lit the lantern."
)


def test_a_passage_ends_before_a_word_that_it_holds() -> None:
    found = passages([f"Title\n\n{STORY} He slept."])
    assert [passage.word for passage in found] == ["lantern"]
    assert found[0].context.startswith("A lantern hung") and found[0].context.endswith("lit the")


@pytest.mark.parametrize(
    "story",
    [
        STORY.replace("A lantern", "A candle"),  # the word is new
        STORY.replace(
            "who had made it", "who had made the lantern"
        ),  # its own sentence gives it away
        STORY.replace(FILLER, ""),  # too short
        STORY.replace("lantern", "lamp"),  # four letters
        STORY.replace("lit the lantern.", "lit the lantern!"),
    ],
)
def test_other_ends_are_no_passage(story: str) -> None:
    assert passages([story]) == []


def test_passages_share_no_sentence_and_a_document_gives_twelve_at_most() -> None:
    found = passages(["\n\n".join([f"{STORY} {STORY}"] * 20)])
    assert len(found) == 12 and len({passage.context for passage in found}) == 1


def test_held_out_loss_is_that_of_windows_scored_one_by_one() -> None:
    model = toy(context=16)
    texts = ["One day the boy went home, and there he stayed for good.", "Then it rained."]
    ids = [token for text in texts for token in (*BPE.encode(text), BPE.end)]
    nats = tokens = 0.0
    for start in range(0, len(ids), 16):
        row = torch.tensor(ids[start : start + 16])
        if len(row) > 1:
            logits = (model(row, Layout(1, len(row))) @ model.head.T).detach()
            nats += float(torch.nn.functional.cross_entropy(logits[:-1], row[1:], reduction="sum"))
            tokens += len(row) - 1
    found = held_out(model, texts, BPE, 48)
    assert (
        found.nats == pytest.approx(nats, rel=1e-5)
        and found.tokens == tokens
        and found.all_tokens == len(ids)
    )
    size = sum(len(text.encode()) for text in texts)
    assert found.bits_per_byte == pytest.approx(
        nats / tokens * len(ids) / size / math.log(2), rel=1e-5
    )


def test_a_last_word_is_right_where_greedy_decoding_says_it() -> None:
    """The random model goes on with " main", " main main" and so on; rows of unequal length share a
    batch.
    """
    model = toy(context=64)
    prompts = [[BPE.end, *BPE.encode(context)] for context in ("It rained and", "We", "Her")]
    said = [BPE.decode(ids) for ids in generate(model, prompts, BPE.end, 1, 4096, "fp32")]
    assert said == [" main", " contain", "aff"]
    asked = [
        Passage("It rained and", "main"), Passage("We", "contain"), Passage("We", "container"),
        Passage("Her", "aff"),
    ]  # fmt: skip
    assert last_words(model, asked, BPE, 512) == [True, True, False, False]


def test_a_missing_text_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", f"valid={tmp_path / 'no.txt'}", f"out={tmp_path / 'o.json'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness assess: ") and "no.txt: no such file" in line
