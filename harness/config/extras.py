"""The extras of the package: what each is for, and the modules that it brings. Imports none."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

PACKAGE = "prompt-mask-harness"


class Extra(NamedTuple):
    """An optional part.

    Attributes:
        modules: what it installs, as far as we import it.
        about: what it is for.
    """

    modules: tuple[str, ...]
    about: str


EXTRAS = {
    "hf": Extra(("transformers", "gguf"), "models of transformers (model=hf)"),
    "lora": Extra(("peft", "transformers"), "train.adapter=lora"),
    "data": Extra(("datasets",), "sets of the hub (data.path=hf:…)"),
    "reasoning_gym": Extra(("reasoning_gym",), "tasks that score themselves (data=reasoning_gym)"),
    "pretrain": Extra(("tokenizers",), "harness bpe"),
    "slurm": Extra(("submitit",), "hydra/launcher=slurm"),
    "cluster": Extra(("ray",), "hydra/launcher=cluster"),
    "judge": Extra(("openai",), "harness judge"),
    "wandb": Extra(("wandb",), "harness mirror to=wandb"),
    "mlflow": Extra(("mlflow", "sqlalchemy"), "harness mirror to=mlflow"),
    "tensorboard": Extra(("tensorboard",), "harness mirror to=tensorboard"),
    "trackio": Extra(("trackio",), "harness mirror to=trackio"),
    "lm-eval": Extra(("lm_eval", "datasets", "transformers"), "harness benchmark"),
    "embedding": Extra(("all_minilm_l6_v2", "transformers"), "the score embedding"),
}
"""Name in pyproject.toml -> what it is."""


def installed(module: str) -> bool:
    """Whether a module can be imported; nothing is, but for the packages around it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it lies in is missing
        return False


def lacking(extra: str) -> str:
    """What to say where an extra is missing, in one line; "" where it is there."""
    missing = [module for module in EXTRAS[extra].modules if not installed(module)]
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} missing, expected pip install '{PACKAGE}[{extra}]'"
