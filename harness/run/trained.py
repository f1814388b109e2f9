"""A model to ask: a base, or what a run made of one."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from harness.config.models import Model, Own
from harness.config.schema import Run
from harness.config.validate import parse
from harness.data.tokens import Tokenizer
from harness.models.base import LanguageModel
from harness.models.opened import open_base
from harness.models.stored import CheckpointError
from harness.records import ADAPTER, CONFIG, WEIGHTS
from harness.records.storage import RecordError
from harness.records.yaml_text import read_text


class Trained(NamedTuple):
    """A model with all that is needed to ask it something.

    Attributes:
        model: in fp32, on the CPU.
        tokenizer: its tokenizer.
        template: how a run's conversations were written out; "" for a base.
        name: of the base.
        files, parameters: as of `harness.models.opened.Opened`.
    """

    model: LanguageModel
    tokenizer: Tokenizer
    template: str
    name: str
    files: list[Path]
    parameters: int


def open_model(base: Model | Own | None, run: str) -> Trained:
    """The base, or the fine-tuned model of a run folder where one is named; then no base need be.

    Raises:
        CheckpointError, ModelError: weights are missing or do not fit, or the folder is no run's.
        OSError: the tokenizer's ranks are not to be had.
    """
    template = ""
    if run:
        folder = Path(run)
        if not (folder / CONFIG).is_file():
            raise CheckpointError(
                f"run={run}: no {CONFIG} there, expected the folder of a run, runs/SWEEP/RUN"
            )
        if not any((folder / name).is_file() for name in (WEIGHTS, ADAPTER)):
            raise CheckpointError(
                f"run={run}: no {WEIGHTS} there, expected a run made with save_weights=true"
            )
        made = _config(folder / CONFIG)
        base, template = made.model, made.data.template
    assert base is not None
    opened = open_base(base, run)
    return Trained(
        opened.model, opened.tokenizer, template, base.name, opened.files, opened.parameters
    )


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
