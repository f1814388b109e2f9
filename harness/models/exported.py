"""Any model in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

from harness.data.byte_pairs import BytePairs
from harness.data.tokens import Tokenizer
from harness.models.adapters import merge
from harness.models.base import LanguageModel
from harness.models.gpt import GPT
from harness.models.hugging_face import export
from harness.models.own import OwnModel


def export_model(model: LanguageModel, tokenizer: Tokenizer, out: Path) -> None:
    """Write the folder, in fp32; what else lies in it stays.

    Args:
        model: a lone one; adapters are added to its weights.
        tokenizer: its tokenizer.
        out: the folder.

    Raises:
        OSError: the folder cannot be written.
    """
    if isinstance(model, OwnModel):
        out.mkdir(parents=True, exist_ok=True)
        merge(model)
        model.save(out)
        return
    assert isinstance(model, GPT) and isinstance(tokenizer, BytePairs)
    export(model, tokenizer, out)
