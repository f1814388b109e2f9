"""A model to look at: a base, or what a run made of one."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from harness.config.models import Model, Own
from harness.config.schema import Run
from harness.config.validate import parse
from harness.data.byte_pairs import BytePairs, gpt_tokenizer
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Shape
from harness.models.stored import CheckpointError, hold_tokenizer
from harness.records import CONFIG, WEIGHTS
from harness.records.storage import RecordError
from harness.records.yaml_text import read_text


class Trained(NamedTuple):
    """A model with all that is needed to ask it something.

    Attributes:
        model: in fp32, on the CPU.
        tokenizer: its tokenizer.
        template: how a run's conversations were written out; "" for a base.
    """

    model: GPT
    tokenizer: BytePairs
    template: str


def open_model(base: Model | Own, run: str) -> Trained:
    """The base, or the fine-tuned model of a run folder where one is named.

    Raises:
        CheckpointError: weights are missing or do not fit, or the folder is no run's.
        OSError: the tokenizer's ranks are not to be had.
    """
    template = ""
    if run:
        folder = Path(run)
        if not (folder / CONFIG).is_file():
            raise CheckpointError(
                f"run={run}: no {CONFIG} there, expected the folder of a run, runs/SWEEP/RUN"
            )
        if not (folder / WEIGHTS).is_file():
            raise CheckpointError(
                f"run={run}: no {WEIGHTS} there, expected a run made with save_weights=true"
            )
        made = _config(folder / CONFIG)
        base, template = made.model, made.data.template
    if isinstance(base, Own):
        raise CheckpointError(
            f"model={base.name}: a model of transformers, expected one of ours; transformers reads "
            "its folder by itself"
        )
    tokenizer = gpt_tokenizer(base)  # GPT-2's ranks lie beside the base's weights, not a run's
    if run:
        base = replace(base, weights=run)
    shape = Shape(
        layers=base.layers,
        width=base.width,
        heads=base.heads,
        vocabulary=tokenizer.size,
        context=base.context,
    )
    if base.weights == "random":
        raise CheckpointError(
            f"model.weights=random: {base.name} has no weights, "
            "expected shipped, a folder or a file"
        )
    path = checkpoint.find(base.weights, base.name)
    model = checkpoint.load(path, shape)
    hold_tokenizer(path, tokenizer)
    return Trained(model, tokenizer, template)


def _config(path: Path) -> Run:
    """What a run was.

    Raises:
        CheckpointError: the file is none that a run of this version leaves.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(StringIO(read_text(path))))
        if not isinstance(content, dict):
            raise TypeError("no mapping")
        return parse({str(key): value for key, value in content.items()}, Run)
    except RecursionError:
        fault = f"{path}: nested too deeply"
    except RecordError as error:
        fault = str(error)
    except (OmegaConfBaseException, YAMLError, OSError, TypeError, ValueError) as error:
        fault = f"{path}: {(str(error).splitlines() or [type(error).__name__])[0]}"
    raise CheckpointError(f"{fault}, expected the config of a run of this version")
