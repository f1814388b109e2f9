"""Write a model in Hugging Face's format, as transformers, vLLM, lm-evaluation-harness and TRL load it.

    python -m harness.commands.export model=mini out=exported/mini
    python -m harness.commands.export run=runs/main/FOLDER out=exported/tuned

The folder holds `config.json`, `generation_config.json`, `model.safetensors` (fp32),
`tokenizer.json` and `tokenizer_config.json`. `model.weights=FOLDER` reads it back.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.config.command_line import command_line
from harness.config.commands import Export
from harness.config.validate import ConfigError
from harness.models.hugging_face import export
from harness.run.trained import open_model


def main() -> None:
    """The command line."""
    try:
        config = command_line("export", Export, sys.argv[1:])
        found = open_model(config.model, config.run)
        export(found.model, found.tokenizer, Path(config.out))
    except (ConfigError, OSError, ValueError) as error:
        sys.exit(f"harness.export: {error}")
    print(f"{config.out}: {config.run or config.model.name} in Hugging Face's format")


if __name__ == "__main__":
    main()
