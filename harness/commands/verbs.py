"""The commands there are, as data; imports none of them."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A command.

    Attributes:
        module: has `main(arguments) -> exit code`, and its help in its first lines.
        about: what it does, in a few words.
    """

    module: str
    about: str


VERBS = {
    "run": Verb("harness.commands.run", "fine-tune, one run or a sweep (may be left out)"),
    "audit": Verb("harness.commands.audit", "show what a mask does to examples, token by token"),
    "describe": Verb("harness.commands.describe", "what is in a set of examples"),
    "status": Verb("harness.commands.status", "how far a sweep is"),
    "report": Verb("harness.commands.report", "tables, figures and verdicts of finished runs"),
    "rescore": Verb("harness.commands.rescore", "add scores to finished runs"),
    "judge": Verb("harness.commands.judge", "have a model judge the answers of finished runs"),
    "benchmark": Verb("harness.commands.benchmark", "measure kept weights with lm-eval's tasks"),
    "mirror": Verb("harness.commands.mirror", "show runs to a tracker, from their files"),
    "generate": Verb("harness.commands.generate", "ask a base or a fine-tuned model"),
    "export": Verb("harness.commands.export", "write a model in Hugging Face's format"),
    "cancel": Verb("harness.commands.cancel", "cancel a sweep's Slurm jobs"),
    "assess": Verb("harness.commands.assess", "measure what a base model knows"),
    "pretrain": Verb("harness.commands.pretrain", "pretrain a base model on text"),
    "quantize": Verb("harness.commands.quantize", "store a base's weights as int8"),
    "doctor": Verb("harness.commands.doctor", "what this machine offers"),
    "bpe": Verb("harness.commands.bpe", "learn a tokenizer on text"),
}
"""The commands, those of every day first."""
