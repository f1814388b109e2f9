"""Write a model in Hugging Face's format, as transformers, vLLM, lm-evaluation-harness and TRL load
it.

    harness export model=mini out=exported/mini
    harness export run=runs/main/RUN out=exported/tuned
    harness export model=hf model.path=FILE.gguf out=exported/theirs

The folder holds config.json, generation_config.json, model.safetensors (fp32), tokenizer.json and
tokenizer_config.json. `model.weights=FOLDER` reads one of ours back, `model.path=FOLDER` one of
transformers, to whose weights a run's adapters are added. Of a run, README.md is its model
card.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.commands.help import Keys
from harness.config.commands import Export
from harness.config.compose import command_config
from harness.records import CARD

KEYS = Keys("export", Export, groups=("model",))


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    config = command_config("export", Export, arguments)

    from harness.models.exported import export_model
    from harness.run.trained import open_model

    found = open_model(config.model, config.run)
    export_model(found.model, found.tokenizer, Path(config.out))
    if config.run:
        with suppress(FileNotFoundError):  # kept before there were cards
            shutil.copyfile(Path(config.run, CARD), Path(config.out, CARD))
    print(f"{config.out}: {config.run or config.model.name} in Hugging Face's format")
    return 0
