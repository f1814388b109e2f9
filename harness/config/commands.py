"""The schemas of the commands beside runs: pretraining, measuring, generating, exporting models."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass as checked

from harness.config.kinds import (
    Count,
    Fraction,
    Positive,
    Rate,
    Seed,
    Share,
    Text,
    Weight,
    strict,
)
from harness.config.models import AnyModel


@checked(frozen=True, kw_only=True, config=strict)
class Pretrain:
    """How a base model is pretrained.

    Attributes:
        model: its shape, of a GPT of ours; `model.weights` and `model.lr` play no part.
        corpus: training shards, `.txt` or `.txt.xz`.
        valid: the held-out shard.
        out: folder for the weights, the figures and the checkpoint.
        tokens: tokens to train on; the corpus is repeated as often as needed, shuffled anew each
            time.
        batch_tokens: tokens of an optimiser step.
        micro_tokens: tokens that pass through the model at once.
        optimizer: "adamw", or "muon" for the blocks' matrices with AdamW for the rest.
        lr: AdamW's peak learning rate at width 128; it falls with the square root of the width.
        muon_lr: Muon's, likewise.
        weight_decay: on matrices.
        warmup_steps: steps of linear warm-up.
        decay: share of the steps, at the end, over which the rate falls linearly to 0.
        clip: largest gradient norm.
        qk_clip: largest attention score, above which a head's queries and keys shrink; 0 for none.
        evaluate_every: steps between two held-out evaluations.
        checkpoint_every: steps between two checkpoints; 0 for none.
        precision: "fp32", or "bf16" for autocast.
        compile: whether torch.compile is used.
        device: "auto", "cpu", "cuda" or "cuda:N".
        seed: of initial weights and data order.
    """

    model: AnyModel
    corpus: list[str]
    valid: str
    out: Text
    tokens: Positive
    batch_tokens: Positive
    micro_tokens: Positive
    optimizer: Literal["adamw", "muon"]
    lr: Rate
    muon_lr: Rate
    weight_decay: Weight
    warmup_steps: Count
    decay: Fraction
    clip: Weight
    qk_clip: Weight
    evaluate_every: Positive
    checkpoint_every: Count
    precision: Literal["fp32", "bf16"]
    compile: bool
    device: str
    seed: Seed


@checked(frozen=True, kw_only=True, config=strict)
class Assess:
    """What is measured of which model, and on which text.

    Attributes:
        model: a base; `model.lr` plays no part.
        run: folder of a run that kept its weights, measured instead of the base; "" for the base.
        valid: the held-out text, `.txt` or `.txt.xz`, in which a line `<|endoftext|>` ends each
            document.
        every: documents are taken that many apart, from the first; 1 for all.
        out: the JSON file for the figures.
        batch_tokens: most tokens of a forward pass.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    model: AnyModel
    run: str
    valid: str
    every: Positive
    out: Text
    batch_tokens: Positive
    device: str


@checked(frozen=True, kw_only=True, config=strict)
class Generate:
    """What is asked of which model, and how its answer is drawn.

    Attributes:
        model: a base; its continuation of the prompt is printed.
        run: folder of a run that kept its weights, asked instead of the base; the prompt is an
            instruction then, written out in the run's template. "" for the base.
        prompt: the text; "" reads it from standard input.
        input: for a run: what the instruction is about, as in Alpaca's records; "" for nothing.
        tokens: most tokens of the answer.
        temperature: divides the logits; 0 takes the most probable token each time.
        top_p: share of probability from which tokens are drawn, the most probable first; 1 for all.
        seed: of the draws.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    model: AnyModel
    run: str
    prompt: str
    input: str
    tokens: Positive
    temperature: Weight
    top_p: Share
    seed: Seed
    device: str


@checked(frozen=True, kw_only=True, config=strict)
class Export:
    """Which model is written in Hugging Face's format.

    Attributes:
        model: a base.
        run: folder of a run that kept its weights, written instead of the base; "" for the base.
        out: the folder.
    """

    model: AnyModel
    run: str
    out: Text
