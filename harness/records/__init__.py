"""What a run leaves behind, as typed records; `harness.records.storage` writes and reads them.
Imports no torch.

A run folder holds `config.yaml`, `audit.jsonl`, `steps.jsonl`, `evals.jsonl`, `responses.jsonl`
and, last of all, `result.json`: its presence means that the run finished. A run that failed for
good leaves `failure.json`. `log.txt` holds what every try printed; `checkpoint.pt` is there while a
long run lasts, `model.safetensors` where the run was told to keep its weights, or
`adapter_model.safetensors`, and their model card `README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from harness.records.scores import NAMES, name_of

CONFIG = "config.yaml"
STEPS = "steps.jsonl"
EVALS = "evals.jsonl"
RESPONSES = "responses.jsonl"
AUDIT = "audit.jsonl"
RESULT = "result.json"
FAILURE = "failure.json"
CHECKPOINT = "checkpoint.pt"
WEIGHTS = "model.safetensors"
ADAPTER = "adapter_model.safetensors"
CARD = "README.md"
LOG = "log.txt"
JUDGED = ".judge"
"""Folder inside a sweep's folder for what judges said."""
SCHEMA = 1

Split = Literal["train", "validation", "test", "test_families"]
Score = float | None
"""A score in [0, 1] (or a count); None where it could not be scored, which is never 0."""


@dataclass(kw_only=True, slots=True)
class AuditRecord:
    """What the mask does to one training example, token by token: its text, role, and weight as a
    target.
    """

    id: str
    tokens: list[str]
    roles: list[str]
    weights: list[float]


@dataclass(kw_only=True, slots=True)
class StepRecord:
    """One optimiser step.

    Attributes:
        step: 1 for the first.
        epoch: passes over the training set so far, fractional.
        loss: the step's training loss, Σ w·nll / denominator, in nats. Not comparable between
            masks.
        lr: the learning rate used.
        grad_norm: L2 norm of the whole gradient before clipping.
        prompt_scale: the factor the schedule puts on prompt weights at this step.
        tokens: tokens in the step, all roles.
        weighted_tokens: of these, targets with weight > 0.
        weight: Σ w over the step.
        prompt_share: the prompt's share of Σ w·nll, in [0, 1].
        seconds: wall time of the step.
    """

    step: int
    epoch: float
    loss: float
    lr: float
    grad_norm: float
    prompt_scale: float
    tokens: int
    weighted_tokens: int
    weight: float
    prompt_share: float
    seconds: float


@dataclass(kw_only=True, slots=True)
class RoleLoss:
    """Negative log-likelihood of the tokens of one role.

    Attributes:
        nats: Σ −log p, natural logarithm.
        tokens: number of tokens summed over.
    """

    nats: float
    tokens: int


@dataclass(kw_only=True, slots=True)
class EvalRecord:
    """One evaluation of a split, whatever the training mask was.

    Attributes:
        step: optimiser steps done; 0 is the base model.
        epoch: passes done, fractional.
        split: what was evaluated. `train` is a sample of the training subset.
        roles: per role, the summed loss.
    """

    step: int
    epoch: float
    split: Split
    roles: dict[str, RoleLoss]


@dataclass(kw_only=True, slots=True)
class ResponseRecord:
    """One generated response.

    Attributes:
        split: the set the prompt is of.
        id: the example's id.
        family: its task family, "" where there is none.
        prompt: the rendered prompt that the model saw.
        reference: the expected response.
        response: the decoded response, without the end token.
        tokens: response tokens generated, without the end token.
        nats: Σ −log p of the reference's response and end tokens.
        nats_tokens: number of those tokens.
        scores: name -> value; None where the score does not apply.
    """

    split: Split
    id: str
    family: str
    prompt: str
    reference: str
    response: str
    tokens: int
    nats: float
    nats_tokens: int
    scores: dict[str, Score]


@dataclass(kw_only=True, slots=True)
class Fairness:
    """Hashes of what every arm of a comparison must share; two runs are comparable only where all
    are equal.

    Attributes:
        examples: of the training examples' ids, in subset order.
        batches: of the ids of every step's examples in order (order, packs and number of steps).
        test: of the held-out examples' ids.
        weights: of the initial weights.
    """

    examples: str
    batches: str
    test: str
    weights: str


@dataclass(kw_only=True, slots=True)
class Scale:
    """How to read a score.

    Attributes:
        unit: "share" for what lies in [0, 1].
        better: whether a "higher" or a "lower" value is better.
    """

    unit: str
    better: Literal["higher", "lower"]


@dataclass(kw_only=True, slots=True)
class Result:
    """The outcome of a finished run, written last.

    Attributes:
        schema: version of these records.
        status: "finished".
        run: the run folder's name.
        identity: hash of the scientific config and the data's and weights' hashes.
        mask, model, data: names of the config groups.
        normalize: the loss normaliser.
        n_examples: training examples used.
        seed: the run's seed.
        steps: optimiser steps done.
        epochs: passes over the training subset.
        nll: "base" (test set before training), "test", "train", and "validation" and
            "test_families" where there are any, "on_NAME" of `score.also` -> role -> nats per
            token; a role without tokens is absent. "response" counts response tokens alone; "end"
            is the end token; "answer" is both together, the primary outcome; "by_example" is the
            mean over examples of each one's "answer".
        calibration: of the held-out response and end tokens, where asked for: "temperature", fitted
            on validation; "nll" at it, in nats per token; "ece", expected calibration error;
            "brier".
        bits_per_byte: split -> role -> bits for each byte of the role's text in UTF-8, which models
            of other tokenizers share; "answer" has the bits of the end token too. The template,
            which models write each in their own way, is left out.
        scores: name -> mean over the responses that could be scored; None where none could.
        scales: name of score -> how to read it, where it is no share of which more is better.
        scored: name -> number of responses that could be scored.
        behaviour: name -> rate or mean over all responses: ended, echoed, repeated, empty, length
            (tokens).
        families: task family, held out or not -> name of score -> mean.
        weight_mass: role -> share of the realised Σ w over training, sums to 1.
        prompt_share: the prompt's share of Σ w·nll over training.
        counts: examples truncated, without weight, dropped, … by name.
        described: the training subset beside the test set, as `harness.data.statistics` counts:
            "words" and "tokens" by role, "ratio_of_means", "mean_log_ratio", "near_test",
            "truncated", "template_share", and "warnings" in one text; empty in older results.
        fairness: hashes that the arms of a comparison share.
        tokens: phase -> tokens processed.
        seconds: phase -> wall seconds, over all tries as far as the run went on from them.
        provenance: git commit and dirty flag, versions, data and weights hashes, device, times;
            `resumed` lists the
            tries that the run went on from: up to which step, and with what code.
    """

    schema: int = SCHEMA
    status: Literal["finished"] = "finished"
    run: str
    identity: str
    mask: str
    model: str
    data: str
    normalize: str
    n_examples: int
    seed: int
    steps: int
    epochs: float
    nll: dict[str, dict[str, float]]
    calibration: dict[str, float] = field(default_factory=dict)
    bits_per_byte: dict[str, dict[str, float]] = field(default_factory=dict)
    scores: dict[str, Score]
    scales: dict[str, Scale] = field(default_factory=dict)
    scored: dict[str, int]
    behaviour: dict[str, Score]
    families: dict[str, dict[str, Score]] = field(default_factory=dict)
    weight_mass: dict[str, float]
    prompt_share: float
    counts: dict[str, int]
    described: dict[str, Any] = field(default_factory=dict)
    fairness: Fairness
    tokens: dict[str, int]
    seconds: dict[str, float]
    provenance: dict[str, Any]

    def headline(self) -> str:
        """The main figures in a few words."""
        parts = []
        if "answer" in self.nll.get("test", {}):
            parts.append(f"held-out response NLL {self.nll['test']['answer']:.3f}")
        shares = {
            name: value
            for name in dict.fromkeys((*NAMES, *sorted(self.scores)))
            if (value := self.scores.get(name)) is not None and name not in self.scales
        }
        # The first that tells something of this run; and exact match, which may lead in others.
        first = [name for name, value in shares.items() if 0 < value < 1] or list(shares)
        shown = [name for name in dict.fromkeys((*first[:1], "exact_match")) if name in shares]
        parts += [f"{name_of(name)} {100 * shares[name]:.1f} %" for name in shown]
        return ", ".join(parts)


@dataclass(kw_only=True, slots=True)
class Failure:
    """Why a run failed for good.

    Attributes:
        schema: version of these records.
        status: "failed".
        run: the run folder's name.
        identity: as in `Result`.
        error: one line.
        traceback: the Python traceback, or the end of the log where the process died.
        signal: name of the signal that ended the worker, "" where none did.
        attempts: how often the run was tried.
        cause: "run" for a fault of the run itself; "outside" for one of the device or the disk,
            after which the same command tries the run again.
    """

    schema: int = SCHEMA
    status: Literal["failed"] = "failed"
    run: str
    identity: str
    error: str
    traceback: str = ""
    signal: str = ""
    attempts: int = 1
    cause: Literal["run", "outside"] = "run"
