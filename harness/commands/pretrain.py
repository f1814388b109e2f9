"""Pretrain a base model on text shards.

    harness pretrain model=nano 'corpus=[a.txt.xz,b.txt.xz]' valid=valid.txt.xz out=bases/nano

The same command continues after an interruption. `out` receives model.safetensors (bf16),
pretrain.json (config and figures), steps.jsonl and, while training lasts, checkpoint.pt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.commands.help import Keys
from harness.commands.interrupt import unwinding
from harness.config.commands import Pretrain
from harness.config.compose import command_config

KEYS = Keys("pretrain", Pretrain, groups=("model",))


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    config = command_config("pretrain", Pretrain, arguments)

    from harness.bases.pretrain import pretrain

    with unwinding():
        figures = pretrain(config)
    print(json.dumps({key: value for key, value in figures.items() if key != "config"}, indent=2))
    return 0
