"""One run from config to result: prepare, measure the base, train, measure, answer, record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.config.schema import Run
from harness.data.examples import (
    Encoded,
    Examples,
    describe,
    digest,
    plain_rows,
    prepare,
    weighted_rows,
)
from harness.data.rows import Row, order_digest, plan
from harness.data.sources import DataError
from harness.data.tokens import tokenizer_of
from harness.models import device
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Shape
from harness.records import (
    AUDIT,
    EVALS,
    RESPONSES,
    RESULT,
    ROLES,
    STEPS,
    WEIGHTS,
    EvalRecord,
    Fairness,
    ResponseRecord,
    Result,
    Score,
    Split,
)
from harness.records.storage import append, write_json
from harness.run.clock import Clock
from harness.run.identity import (
    Cell,
    make_cell,
    open_folder,
    peak_rate,
    provenance,
    shape,
    weights_digest,
    work,
)
from harness.run.resume import Checkpoint
from harness.scoring import BEHAVIOURS, SCORES, mean, score
from harness.train.decoding import generate
from harness.train.evaluate import Evaluation, evaluate, per_token, token_losses
from harness.train.loop import Training, fit

AUDITED = 3
"""Training examples that a run's audit holds."""

RECORD = "record"
"""The phase in which a run's outcome is written."""

Progress = Callable[[str, float], None]
"""Told the phase and the share of the run that is done, in [0, 1]; may raise to stop the run."""


@lru_cache(maxsize=2)
def _base(path: Path, sizes: Shape) -> GPT:
    """A base model as loaded, kept by the worker for its next run; never trained itself."""
    return checkpoint.load(path, sizes)


def initial_model(run: Run) -> GPT:
    """A fresh copy of a run's initial weights, on the CPU."""
    sizes = shape(run)
    model = GPT(sizes)
    if run.model.weights == "random":
        model.initialise(run.seed)
    else:
        model.load_state_dict(
            _base(checkpoint.find(run.model.weights, run.model.name), sizes).state_dict()
        )
    return model


_base_losses: dict[tuple[object, ...], Evaluation] = {}
"""Evaluations of untrained bases by this process: equal for all runs of one base and one test
set.
"""


def execute(cell: Cell, progress: Progress) -> Result:
    """Carry out a run and write its records, `result.json` last.

    Raises:
        DataError, CheckpointError, FloatingPointError, OSError, ValueError: as their one-line
            messages say.
    """
    run, folder = cell.run, cell.folder
    started = datetime.now(UTC)
    clock = Clock()
    tokens: dict[str, int] = {}

    with clock.phase("prepare"):
        open_folder(cell)
        where = device.resolve(run.device)
        examples = prepare(run)
        _check_inputs(cell, examples)
        model = initial_model(run)
        weights = checkpoint.digest(model)
        model.to(where)
        nats = surprisal(model, run, examples.train) if run.mask.importance == "surprisal" else None
        rows = weighted_rows(examples.train, run, nats)
        steps = plan(
            [len(row.inputs) for row in rows], run.train.batch_tokens, run.train.epochs, run.seed
        )
        tokenizer = tokenizer_of(run.model)
        shown = zip(examples.train[:AUDITED], rows, strict=False)
        with (folder / AUDIT).open("w", encoding="utf-8") as file:
            for item, row in shown:
                append(file, describe(item, row.weights, tokenizer))
    test = plain_rows(examples.test)
    sample = plain_rows(examples.train[: run.score.train_examples])
    amounts = work(run, examples)
    shares = {name: amount / sum(amounts.values()) for name, amount in amounts.items()}
    done = 0.0

    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / name).open("a", encoding="utf-8"))
            for name in (STEPS, EVALS, RESPONSES)
        }
        training = Training(model, run.train, lambda record: append(files[STEPS], record))
        interrupted = Checkpoint(cell, training, clock, tokens)

        def measure(split: Split, measured: list[Row], step: int, epoch: float) -> Evaluation:
            with clock.phase("evaluate"):
                found = _measured(model, measured, run, lambda _: progress("evaluate", done))
            tokens["evaluate"] = tokens.get("evaluate", 0) + found.tokens
            append(files[EVALS], EvalRecord(step=step, epoch=epoch, split=split, roles=found.roles))
            return found

        progress("base", done)
        key = (
            weights,
            digest(examples.test),
            run.score.batch_tokens,
            run.train.precision,
            str(where),
        )
        if key not in _base_losses:
            _base_losses[key] = _measured(model, test, run, lambda _: progress("base", done))
        base = _base_losses[key]
        if not interrupted.restore(files):
            append(files[EVALS], EvalRecord(step=0, epoch=0.0, split="test", roles=base.roles))
            measure("train", sample, 0, 0.0)
        done += shares["base"]

        def after_step(step: int) -> None:
            progress("train", done + shares["train"] * step / len(steps))
            every = run.score.every * len(steps) // run.train.epochs
            if every and step % every == 0 and step < len(steps):
                epoch = step * run.train.epochs / len(steps)
                measure("test", test[: run.score.examples], step, epoch)
                measure("train", sample, step, epoch)
            interrupted.save_when_due(files)

        with clock.phase("train"):
            totals = fit(
                training,
                rows,
                steps,
                peak_rate(run, cell.n_examples),
                after_step,
                run.mask.schedule,
            )
        tokens["train"] = totals.tokens
        done += shares["train"]

        progress("evaluate", done)
        last = float(run.train.epochs)
        finals = {"test": measure("test", test, totals.steps, last)}
        finals["train"] = measure("train", sample, totals.steps, last)
        if examples.test_families:
            finals["test_families"] = measure(
                "test_families", plain_rows(examples.test_families), totals.steps, last
            )
        done += shares["evaluate"]

        answered: dict[str, list[ResponseRecord]] = {}
        with clock.phase("generate"):
            for split, items in (
                ("test", examples.test),
                ("test_families", examples.test_families),
            ):
                asked = items[: run.score.responses]
                if asked:
                    answered[split] = _answer(
                        model, run, split, asked, finals[split],  # type: ignore[arg-type]
                        lambda _: progress("generate", done),
                    )  # fmt: skip
                for response in answered.get(split, []):
                    append(files[RESPONSES], response)
        tokens["generate"] = sum(
            response.tokens for found in answered.values() for response in found
        )

    responses = answered.get("test", [])
    scores = {name: mean(responses, name) for name in SCORES}
    mass = totals.weight.sum() or 1.0
    result = Result(
        run=folder.name,
        identity=cell.identity,
        mask=run.mask.name,
        model=run.model.name,
        data=run.data.name,
        normalize=run.train.normalize,
        n_examples=cell.n_examples,
        seed=run.seed,
        steps=totals.steps,
        epochs=last,
        nll={
            "base": per_token(base.roles),
            **{name: per_token(found.roles) for name, found in finals.items()},
        },
        scores={name: value for name, (value, _) in scores.items()},
        scored={name: count for name, (_, count) in scores.items()},
        behaviour={name: mean(responses, name)[0] for name in BEHAVIOURS}
        | {
            "length": sum(response.tokens for response in responses) / len(responses)
            if responses
            else None
        },
        families=_by_family(answered),
        weight_mass={
            role: float(weight / mass)
            for role, weight in zip(ROLES, totals.weight, strict=True)
            if weight
        },
        prompt_share=totals.prompt / totals.loss if totals.loss else 0.0,
        counts={
            **examples.counts,
            "unweighted": sum(not row.weights.any() for row in rows),
            "padding": totals.grid - totals.tokens,
            "micro_halvings": totals.halvings,
        },
        fairness=Fairness(
            examples=digest(examples.train),
            batches=order_digest(steps, [item.example.id for item in examples.train]),
            test=digest(examples.test),
            weights=weights,
        ),
        tokens=tokens,
        seconds=clock.read(),
        provenance={
            **provenance(),
            "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            "resumed": interrupted.resumed,
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    progress(RECORD, 1.0)
    if run.save_weights:
        checkpoint.save(model, folder / WEIGHTS, torch.float32, {"tokenizer": tokenizer.digest})
    write_json(folder / RESULT, result)
    interrupted.remove()
    return result


def _check_inputs(cell: Cell, examples: Examples) -> None:
    """Refuse to record figures under an identity that the data or weights no longer have."""
    run = cell.run
    path = (
        None
        if run.model.weights == "random"
        else checkpoint.find(run.model.weights, run.model.name)
    )
    if make_cell(run, examples, weights_digest(run, path)).identity != cell.identity:
        raise DataError(
            f"{cell.folder.name}: its data or weights have changed since the sweep was planned; "
            "the same command plans anew"
        )


def _measured(model: GPT, rows: list[Row], run: Run, alive: Callable[[int], None]) -> Evaluation:
    """An evaluation in as large batches as memory allows; their size does not change the
    figures.
    """
    longest = max(len(row.inputs) for row in rows)
    return device.within_memory(
        lambda limit: evaluate(model, rows, limit, run.train.precision, alive),
        run.score.batch_tokens,
        longest,
    )[0]


def surprisal(model: GPT, run: Run, items: list[Encoded]) -> list[NDArray[np.float32]]:
    """−ln p of each token of each example under the base, in nats; 0 for a first token, which
    nothing predicts.
    """
    found = token_losses(model, plain_rows(items), run.score.batch_tokens, run.train.precision)
    return [np.concatenate([np.zeros(1, np.float32), nats]) for nats in found]


def _answer(
    model: GPT,
    run: Run,
    split: Split,
    items: list[Encoded],
    measured: Evaluation,
    alive: Callable[[int], None],
) -> list[ResponseRecord]:
    """Greedy responses to the prompts of `items`, scored."""
    tokenizer = tokenizer_of(run.model)
    prompts = [item.tokens.ids[: item.prompt].tolist() for item in items]
    limit, precision = run.score.response_tokens, run.train.precision
    found, _ = device.within_memory(
        lambda batch: generate(model, prompts, tokenizer.end, limit, batch, precision, alive),
        run.score.batch_tokens,
        max(len(prompt) for prompt in prompts) + limit,
    )
    records = []
    for item, prompt, ids, loss in zip(items, prompts, found, measured.answers, strict=False):
        text = tokenizer.decode(ids)
        full = len(ids) == run.score.response_tokens or len(prompt) + len(ids) > run.model.context
        records.append(
            ResponseRecord(
                split=split,
                id=item.example.id,
                family=item.example.family,
                prompt=tokenizer.decode(prompt),
                reference=item.example.response,
                response=text,
                tokens=len(ids),
                nats=loss.nats,
                nats_tokens=loss.tokens,
                scores=score(item.example, text, ended=not full),
            )
        )
    return records


def _by_family(answered: dict[str, list[ResponseRecord]]) -> dict[str, dict[str, Score]]:
    """Family -> score -> mean, over test and held-out families alike."""
    groups: dict[str, list[ResponseRecord]] = {}
    for response in (response for found in answered.values() for response in found):
        if response.family:
            groups.setdefault(response.family, []).append(response)
    return {
        family: {name: mean(found, name)[0] for name in SCORES}
        for family, found in sorted(groups.items())
    }
