"""The last step of a run: all that it found, in one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import torch

from harness.data.encoded import Encoded, bytes_by_role
from harness.data.rows import order_digest
from harness.data.tokens import tokenizer_of
from harness.records import Fairness, ResponseRecord, Result
from harness.records.roles import ROLES
from harness.run.identity import provenance
from harness.run.journal import Journal
from harness.run.measure import Measures
from harness.run.prepare import Prepared
from harness.scoring import BEHAVIOURS, mean
from harness.scoring.figures import scales_of, scored
from harness.train.evaluate import bits_per_byte, per_token
from harness.train.learner import Totals


def summarise(
    journal: Journal,
    totals: Totals,
    measures: Measures,
    answered: Mapping[str, Sequence[ResponseRecord]],
    seconds: Mapping[str, float],
    launched: Mapping[str, Any],
) -> Result:
    """The result of a run.

    Args:
        journal: the run.
        totals: of its training.
        measures: of its end, and "base" among the losses.
        answered: split -> answers.
        seconds: phase -> wall seconds.
        launched: how it was carried out: device, threads, stack.
    """
    prepared = journal.prepared
    cell, run = prepared.cell, prepared.run
    every = [record for records in answered.values() for record in records]
    figures = scored(every, scales_of(run.score.scores))
    return Result(
        run=cell.folder.name,
        identity=cell.identity,
        mask=run.mask.name,
        model=run.model.name,
        data=run.data.name,
        normalize=run.train.normalize,
        n_examples=cell.n_examples,
        seed=run.seed,
        steps=totals.steps,
        epochs=float(run.train.epochs),
        nll={name: per_token(loss) for name, loss in measures.losses.items()},
        calibration=measures.calibration._asdict() if measures.calibration else {},
        bits_per_byte=_bits(prepared, measures),
        scores=figures.scores,
        scales=figures.scales,
        scored=figures.scored,
        behaviour=_behaviour(answered.get("test", [])),
        families=figures.families,
        weight_mass=_weight_mass(totals),
        prompt_share=totals.prompt / totals.loss if totals.loss else 0.0,
        counts=_counts(prepared, totals),
        described=prepared.examples.statistics.record(),
        fairness=_fairness(prepared),
        tokens=dict(journal.tokens),
        seconds=dict(seconds),
        provenance=_provenance(journal, launched),
    )


def _provenance(journal: Journal, launched: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **provenance(),
        **launched,
        "threads": torch.get_num_threads(),
        "resumed": journal.checkpoint.resumed,
        "started": journal.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _weight_mass(totals: Totals) -> dict[str, float]:
    """Each role's share of all loss weight, of the roles that have any."""
    whole = totals.weight.sum() or 1.0
    shares = zip(ROLES, totals.weight, strict=True)
    return {role: float(weight / whole) for role, weight in shares if weight}


def _counts(prepared: Prepared, totals: Totals) -> dict[str, int]:
    return {
        **prepared.examples.counts,
        "unweighted": sum(not row.weights.any() for row in prepared.rows),
        "padding": totals.grid - totals.tokens,
        "micro_halvings": totals.halvings,
    }


def _behaviour(responses: Sequence[ResponseRecord]) -> dict[str, float | None]:
    """Rates of what answers do, and their mean length in tokens; None where there are none."""
    behaviour = {name: mean(responses, name)[0] for name in BEHAVIOURS}
    lengths = [response.tokens for response in responses]
    behaviour["length"] = sum(lengths) / len(lengths) if lengths else None
    return behaviour


def _bits(prepared: Prepared, measures: Measures) -> dict[str, dict[str, float]]:
    """Bits per byte of every set that was measured."""
    examples, tokenizer = prepared.examples, tokenizer_of(prepared.run.model)
    sets: dict[str, list[Encoded]] = {
        "base": examples.test,
        "train": examples.train[: prepared.run.score.train_examples],
        "validation": examples.validation,
        "test": examples.test,
        "test_families": examples.test_families,
        **{f"on_{name}": items for name, items in examples.also.items()},
    }
    return {
        name: bits_per_byte(loss.roles, bytes_by_role(sets[name], tokenizer))
        for name, loss in measures.losses.items()
    }


def _fairness(prepared: Prepared) -> Fairness:
    examples = prepared.examples
    ids = [item.example.id for item in examples.train]
    return Fairness(
        examples=examples.digests["train"],
        batches=order_digest(prepared.plan, ids),
        test=examples.digests["test"],
        weights=prepared.base.digest,
    )
