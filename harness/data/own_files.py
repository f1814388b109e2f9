"""Where a model of transformers lies: a folder, a GGUF file, or the hub, whose files are fetched
once. Nothing pickled is looked at, and no code that comes with a model.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from harness.paths import located

ADDRESS = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w./-]+\.gguf))?(?:@(?P<revision>[\w./-]+))?"
)
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
"""Files of a model on the hub that may be read: weights, sizes, tokenizer, chat template."""

CONFIG = "config.json"


class ModelError(ValueError):
    """A model of transformers cannot be read or used; one line with its path and a reason."""


class Files(NamedTuple):
    """A model's files.

    Attributes:
        path: as `model.path` calls it.
        folder: where they lie.
        gguf: the name of the GGUF file in it; "" for safetensors.
    """

    path: str
    folder: Path
    gguf: str

    @property
    def weights(self) -> list[Path]:
        """The files that tell sizes and weights, in a fixed order."""
        if self.gguf:
            return [self.folder / self.gguf]
        return [self.folder / CONFIG, *sorted(self.folder.glob("*.safetensors"))]


def need_transformers(path: str) -> None:
    """Raise ModelError where transformers is missing."""
    if find_spec("transformers") is None:
        raise ModelError(
            f"model.path={path}: the library transformers is missing, expected "
            "pip install 'prompt-mask-harness[hf]'"
        )


def find_own(path: str) -> Files:
    """The files that `model.path` names.

    Raises:
        ModelError: there are none, or none that are read.
    """
    need_transformers(path)
    place = located(path).expanduser()
    if place.is_dir():
        return _in_folder(path, place, "")
    if place.suffix == ".gguf" and place.is_file():
        return _in_folder(path, place.parent, place.name)
    return _of_hub(path)


def _in_folder(path: str, folder: Path, gguf: str) -> Files:
    """The files of a folder.

    Raises:
        ModelError: there is no single model.
    """
    files = Files(path, folder, gguf)
    if not gguf and not (folder / CONFIG).is_file():
        ggufs = sorted(file.name for file in folder.glob("*.gguf"))
        if len(ggufs) != 1:
            found = f"{len(ggufs)} .gguf files" if ggufs else f"no {CONFIG} and no .gguf file"
            raise ModelError(f"model.path={path}: {found} there, expected one model")
        files = files._replace(gguf=ggufs[0])
    if files.gguf and find_spec("gguf") is None:
        raise ModelError(
            f"model.path={path}: the library gguf is missing, expected "
            "pip install 'prompt-mask-harness[hf]'"
        )
    if not files.gguf and len(files.weights) == 1:
        pickled = " but pickled ones" if any(folder.glob("*.bin")) else ""
        raise ModelError(f"model.path={path}: no weights{pickled}, expected .safetensors or .gguf")
    return files


def _of_hub(path: str) -> Files:
    """A model of the hub, in the cache of `huggingface_hub`.

    Raises:
        ModelError: it is not to be had.
    """
    parts = ADDRESS.fullmatch(path)
    if parts is None:
        raise ModelError(
            f"model.path={path}: no such folder, expected a folder, a .gguf file or "
            "owner/name[@revision] of the hub"
        )
    from huggingface_hub import snapshot_download

    wanted = [parts["file"], "*.json"] if parts["file"] else list(WANTED)
    try:
        folder = snapshot_download(parts["name"], revision=parts["revision"], allow_patterns=wanted)
    except Exception as error:  # the library raises what it likes
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"model.path={path}: no such folder, and not to be had of the hub "
            f"({type(error).__name__}: {reason})"
        ) from None
    file = Path(folder) / (parts["file"] or "")
    if parts["file"] and not file.is_file():
        raise ModelError(f"model.path={path}: no such file in the cache, expected to be online")
    return _in_folder(path, file.parent, file.name) if parts["file"] else _in_folder(path, file, "")


def quiet() -> None:
    """Keep transformers from writing bars and advice between our lines."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tqdm import tqdm
    from transformers.utils import logging

    if multiprocessing.parent_process() is not None:
        # Bars share a semaphore by default, and a worker that is ended would be said to leak it.
        tqdm.set_lock(threading.RLock())

    logging.set_verbosity_error()
    logging.disable_progress_bar()
