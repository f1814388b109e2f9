"""The one did-you-mean: what somebody may have meant by a word that is not known. Imports nothing
of the harness.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ELSEWHERE = {
    "batch_size": ("train.batch_examples", "batch_tokens"),
    "checkpoint": ("model.weights",),
    "cuda": ("device",),
    "dataset": ("data",),
    "epoch": ("train.epochs",),
    "eval_steps": ("score.every", "evaluate_every"),
    "gradient_accumulation_steps": ("train.micro_tokens", "micro_tokens"),
    "gpu": ("device",),
    "learning_rate": ("train.lr", "lr"),
    "lora_alpha": ("train.lora.alpha",),
    "lora_r": ("train.lora.rank",),
    "lr": ("train.lr", "lr"),
    "lr_scheduler_type": ("train.decay", "decay"),
    "max_grad_norm": ("train.clip", "clip"),
    "max_length": ("model.context", "tokens"),
    "max_new_tokens": ("score.response_tokens", "tokens"),
    "max_seq_length": ("model.context",),
    "max_steps": ("train.epochs", "tokens"),
    "model_name": ("model",),
    "model_name_or_path": ("model.path", "model.weights", "model"),
    "num_epochs": ("train.epochs", "tokens"),
    "num_train_epochs": ("train.epochs", "tokens"),
    "num_workers": ("hydra.launcher.slots",),
    "output_dir": ("runs", "out"),
    "per_device_train_batch_size": ("train.batch_examples", "batch_tokens"),
    "resume": ("retry",),
    "save_model": ("save_weights",),
    "scheduler": ("train.decay", "decay"),
    "train_file": ("data.path", "corpus"),
    "warmup_ratio": ("train.warmup",),
    "warmup_steps": ("train.warmup",),
    "workers": ("hydra.launcher.slots",),
}
"""Words of other tools -> our keys, the likeliest first."""

FEW = 15
"""Known words that one line can list."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` stands for elsewhere, ends like, or is most like; None where none
    is.
    """
    choices = list(known)
    last = word.rpartition(".")[2]
    for choice in ELSEWHERE.get(last.lower(), ()):
        if choice in choices:
            return choice
    ends = {choice.rpartition(".")[2]: choice for choice in reversed(choices)}
    if last in ends:
        return ends[last]
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return close[0]
    close = difflib.get_close_matches(last, ends, n=1, cutoff=0.75)
    return ends[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """What to say of an unknown word: `did you mean X?`, or what is known where that is short."""
    choices = list(known)
    meant = nearest(word, choices)
    if meant is not None:
        return f"did you mean {meant}?"
    return f"expected one of {', '.join(choices)}" if len(choices) <= FEW else "see --help"
