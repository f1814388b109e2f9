"""The fourth step of a run: greedy answers to held-out prompts, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.data.encoded import Encoded
from harness.data.tokens import tokenizer_of
from harness.models import device
from harness.models.base import LanguageModel
from harness.records import ResponseRecord, Split
from harness.run.prepare import Prepared
from harness.scoring import Answer, score
from harness.train.decoding import generate_all, greedy, one_end
from harness.train.evaluate import Evaluation


class Asked(NamedTuple):
    """What one run is asked.

    Attributes:
        prepared: the run.
        items: the examples.
        measured: the loss of their references.
    """

    prepared: Prepared
    items: Sequence[Encoded]
    measured: Evaluation


def answers(
    model: LanguageModel, asked: Sequence[Asked], split: Split, alive: Callable[[], None]
) -> list[list[ResponseRecord]]:
    """Answers of each run, in the order of its items.

    Args:
        model: a lone model, or a stack with a run for each of `asked`.
        asked: of every run, whose decoding settings are equal.
        split: the set that the items are of.
        alive: called after each batch.
    """
    run = asked[0].prepared.run
    tokenizer = tokenizer_of(run.model)
    prompts = [[item.tokens.ids[: item.prompt].tolist() for item in each.items] for each in asked]
    limit, precision = run.score.response_tokens, run.train.precision
    longest = max(len(prompt) for own in prompts for prompt in own)
    choose = one_end(greedy, tokenizer.stops, model.device)
    ids, _ = device.within_memory(
        lambda batch: generate_all(
            model, prompts, tokenizer.end, limit, batch, precision, alive, choose
        ),
        run.score.batch_tokens,
        longest + limit,
    )
    return [_records(each, own, split) for each, own in zip(asked, ids, strict=True)]


def _records(asked: Asked, responses: Sequence[list[int]], split: Split) -> list[ResponseRecord]:
    run = asked.prepared.run
    tokenizer = tokenizer_of(run.model)
    limit, context = run.score.response_tokens, run.model.context
    records = []
    for item, ids, loss in zip(asked.items, responses, asked.measured.answers, strict=False):
        text = _answered(tokenizer.decode(ids), item.mark)
        full = len(ids) == limit or item.prompt + len(ids) > context
        records.append(
            ResponseRecord(
                split=split,
                id=item.example.id,
                family=item.example.family,
                prompt=tokenizer.decode(item.tokens.ids[: item.prompt].tolist()),
                reference=item.example.response,
                response=text,
                tokens=len(ids),
                nats=loss.nats,
                nats_tokens=loss.tokens,
                scores=score(Answer(item.example, text, ended=not full), run.score.scores),
            )
        )
    return records


def _answered(said: str, mark: str) -> str:
    """What a model says behind its thoughts, where it is to have some; "" where they never end."""
    return said.partition(mark)[2].lstrip() if mark else said
