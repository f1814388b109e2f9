"""What a work cannot do without, whoever does it: operations, and the optimiser's traffic."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.benchmarks.peers.work import Work

ADAMW_BYTES = 28
"""Traffic of AdamW per parameter and step: the parameter, its gradient and two moments read, all
but the gradient written, 4 bytes each.
"""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a training needs at least.

    Attributes:
        flops: floating-point operations.
        bytes: read and written by AdamW.
    """

    flops: float
    bytes: float


def needs(work: Work, steps: int) -> Needs:
    """What the training of a work in so many steps needs."""
    config = json.loads((work.base / "config.json").read_text("utf-8"))
    return Needs(flops=flops(work, config), bytes=float(steps * ADAMW_BYTES * parameters(config)))


def flops(work: Work, config: dict[str, int]) -> float:
    """Operations of training on a work that no implementation can leave out.

    Forward and backward: the blocks' matrices on every token but the last, attention to oneself and
    to what came before, the output head on tokens in the loss.

    Args:
        work: what is trained on.
        config: the model's sizes, as in Hugging Face's `config.json`.
    """
    width, layers, vocabulary = config["n_embd"], config["n_layer"], config["vocab_size"]
    lengths = [len(item.ids) - 1 for item in work.train]
    blocks = 6 * 12 * layers * width**2 * sum(lengths)
    pairs = sum(length * (length + 1) // 2 for length in lengths)
    attention = 12 * layers * width * pairs
    head = 6 * vocabulary * width * work.weighted
    return float(work.epochs * (blocks + attention + head))


def parameters(config: dict[str, int]) -> int:
    """Trained parameters; the tied head counts once."""
    width = config["n_embd"]
    embeddings = (config["vocab_size"] + config["n_positions"]) * width
    return embeddings + config["n_layer"] * (12 * width**2 + 13 * width) + 2 * width
