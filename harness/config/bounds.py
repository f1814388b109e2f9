"""Runs that could not end: their work is estimated from the config, before anything is read."""

from __future__ import annotations

from harness.config.models import Model
from harness.config.schema import SIZES, Run

MOST_PASSES = 100_000_000
"""Examples that a run may pass through the model in training: at a thousand a second, a day."""
MOST_EPOCHS = 100_000
"""Passes over the training subset."""
MOST_PARAMETERS = 20_000_000_000
"""Parameters of a model: 80 GB in fp32."""
MOST_LAYERS = 1_000
"""Blocks of a model: each is a module of its own, however narrow."""
LONGEST_CONTEXT = 1_000_000
"""Tokens of a context."""
VOCABULARY = {"bpe8k": 8_192, "gpt2": 50_257}
"""Tokens that each tokenizer knows."""


def endless(run: Run) -> list[str]:
    """A line for each reason why a run would not end, or not fit any machine."""
    size = run.data.size
    examples = SIZES.get(size, 1) if isinstance(size, str) else max(size, 1)  # "full" may be one
    passes = run.train.epochs * examples
    faults = too_large(run.model) if isinstance(run.model, Model) else []
    if run.train.epochs > MOST_EPOCHS:
        faults.append(f"train.epochs={run.train.epochs}: expected at most {MOST_EPOCHS:,}")
    elif passes > MOST_PASSES:
        faults.append(
            f"train.epochs={run.train.epochs} data.size={size}: {passes:,} passes of an example, "
            f"expected at most {MOST_PASSES:,}"
        )
    if run.score.response_tokens > LONGEST_CONTEXT:
        faults.append(
            f"score.response_tokens={run.score.response_tokens}: expected at most "
            f"{LONGEST_CONTEXT:,}"
        )
    return faults


def too_large(model: Model) -> list[str]:
    """A line for each reason why a model would fit no machine."""
    faults = []
    vocabulary = VOCABULARY.get(model.tokenizer, 0)
    parameters = 12 * model.layers * model.width**2 + vocabulary * model.width
    if model.layers > MOST_LAYERS:
        faults.append(f"model.layers={model.layers}: expected at most {MOST_LAYERS:,}")
    elif parameters > MOST_PARAMETERS:
        faults.append(
            f"model.layers={model.layers} model.width={model.width}: {parameters:,} parameters, "
            f"expected at most {MOST_PARAMETERS:,}"
        )
    if model.context > LONGEST_CONTEXT:
        faults.append(f"model.context={model.context}: expected at most {LONGEST_CONTEXT:,} tokens")
    return faults
