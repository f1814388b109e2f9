"""Files of a GPT on the Hugging Face hub, `hf:owner/name[@revision]`, fetched once into the cache;
no library of the hub is needed.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from harness.config.named import Remote
from harness.data.errors import DataError
from harness.data.fetch import cache_folder, with_bar
from harness.paths import located

ADDRESS = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
ENDPOINT = "HF_ENDPOINT"
"""The environment's word for the hub's address, as the hub's own library has it."""
HUB = "https://huggingface.co"

WEIGHTS = ("config.json", "model.safetensors")
RANKS = ("vocab.json", "merges.txt")


def on_hub(weights: str) -> bool:
    """Whether `model.weights` names a model of the hub."""
    return weights.startswith("hf:")


def hub_folder(weights: str) -> Path:
    """Where the files of a model of the hub lie, or are to lie.

    Raises:
        DataError: the address is none.
    """
    parts = _parts(weights)
    place = f"{parts['name']}@{parts['revision'] or 'main'}"
    return cache_folder() / "hub" / place.replace("/", "--")


@cache
def hub_files(weights: str, names: tuple[str, ...]) -> Path:
    """The folder of a model of the hub, in which these of its files lie; looked at once a process.

    Raises:
        DataError: the address is none, or a file cannot be fetched.
    """
    brought = located(weights)
    if brought.is_dir():  # by a launch on another machine
        return brought
    parts, folder = _parts(weights), hub_folder(weights)
    endpoint = os.environ.get(ENDPOINT, HUB).rstrip("/")
    for name in names:
        url = f"{endpoint}/{parts['name']}/resolve/{parts['revision'] or 'main'}/{name}"
        with_bar(f"model.weights={weights}", Remote(url=url, hash=""), folder)
    return folder


def _parts(weights: str) -> re.Match[str]:
    parts = ADDRESS.fullmatch(weights)
    if parts is None:
        raise DataError(f"model.weights={weights}: expected hf:owner/name[@revision]")
    return parts
