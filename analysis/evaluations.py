"""What a run's evaluations add to its row: lengths of its test examples, and its best pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.files import checked
from harness import records
from harness.records import EvalRecord, RoleLoss, Split, storage

BEST = "nll.test_best.answer"
"""Held-out response NLL after the pass that validation chose."""

OVERFITTING = "best.overfitting"
"""How much a run overfits: its last less its least validation response NLL, in nats/token."""


def of_evaluations(path: Path) -> dict[str, float]:
    """The columns that `evals.jsonl` gives; none where it cannot be read.

    The fault itself is reported where the curves are read, which need the whole file.
    """
    try:
        evaluations = list(storage.read_jsonl(checked(path), records.EvalRecord))
    except storage.RecordError:
        return {}
    return {**_lengths(evaluations), **_best(evaluations)}


def _lengths(evaluations: Sequence[EvalRecord]) -> dict[str, float]:
    """Mean lengths of the test examples, from the first evaluation, which is of all of them."""
    first = next((record for record in evaluations if record.split == "test"), None)
    ends = first.roles.get("end") if first else None
    tokens = {role: loss.tokens for role, loss in first.roles.items()} if first else {}
    if ends is None or ends.tokens <= 0 or min(tokens.values()) < 0:
        return {}
    answer = tokens.get("response", 0) + tokens["end"]
    prompt = sum(tokens.values()) - answer
    # Every example has one end token, unless it was cut.
    count = tokens["end"]
    return {
        "length.prompt": prompt / count,
        "length.answer": answer / count,
        "length.total": (prompt + answer) / count,
        "length.ratio": prompt / answer,
    }


def _best(evaluations: Sequence[EvalRecord]) -> dict[str, float]:
    """The pass with the least validation response NLL of those that were measured, the base aside.

    Its held-out loss is told only where it was measured on as many tokens as after the last pass:
    `score.examples` may leave some out along the way.
    """
    chosen_on, held_out = _answers(evaluations, "validation"), _answers(evaluations, "test")
    if not chosen_on or not held_out:
        return {}
    last = max(chosen_on)
    best = min(chosen_on, key=lambda step: (_mean(chosen_on[step]), step))
    epochs = {record.step: record.epoch for record in evaluations}
    found = {"best.epoch": epochs[best]}
    if len(chosen_on) > 1:
        found[OVERFITTING] = _mean(chosen_on[last]) - _mean(chosen_on[best])
    tokens = [held_out[step].tokens for step in (best, last) if step in held_out]
    if len(tokens) == 2 and tokens[0] == tokens[1]:
        found[BEST] = _mean(held_out[best])
    return found


def _answers(evaluations: Sequence[EvalRecord], split: Split) -> dict[int, RoleLoss]:
    """Step -> loss of response and end tokens, after the first step, as far as there are any."""
    found = {}
    for record in evaluations:
        if record.split == split and record.step > 0:
            said = [record.roles[role] for role in ("response", "end") if role in record.roles]
            tokens = sum(loss.tokens for loss in said)
            if tokens > 0:
                found[record.step] = RoleLoss(nats=sum(loss.nats for loss in said), tokens=tokens)
    return found


def _mean(loss: RoleLoss) -> float:
    return loss.nats / loss.tokens
