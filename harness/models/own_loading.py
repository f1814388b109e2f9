"""Models of transformers from their files: sizes without weights, and weights in fp32."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from harness.config.models import Own
from harness.data.own_files import Files, ModelError, find_own, quiet
from harness.data.tokens import tokenizer_of
from harness.models.gpt import Layout
from harness.models.own import OwnModel, OwnShape

NEAR = 1e-3
"""How far logits may lie from the head's products, of the largest."""


@cache
def own_shape(path: str) -> OwnShape:
    """The sizes of the model that `model.path` names, from its config alone.

    Raises:
        ModelError: it is not to be had, or is no causal language model that transformers knows.
    """
    files = find_own(path)
    quiet()
    from transformers import AutoConfig, AutoModelForCausalLM

    config = _theirs(files, AutoConfig)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # the library raises what it likes
        raise _unread(files, error) from None
    if model._is_stateful:
        raise ModelError(
            f"model.path={path}: {config.model_type} keeps a state that is no cache of keys and "
            "values, expected a model of attention alone"
        )
    text = config.get_text_config()
    return OwnShape(
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        vocabulary=model.get_output_embeddings().weight.shape[0],
        context=getattr(text, "max_position_embeddings", None) or 0,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def hold_own(model: Own) -> None:
    """Hold a model's sizes against the context and the tokenizer that go with it.

    Raises:
        ModelError: as `own_shape`, or one of them does not fit.
    """
    found, ids = own_shape(model.path), tokenizer_of(model).size
    if found.context and model.context > found.context:
        raise ModelError(
            f"model.context={model.context}: expected at most the {found.context} tokens that "
            f"{model.path} takes"
        )
    if ids > found.vocabulary:
        raise ModelError(
            f"model.path={model.path}: its tokenizer has {ids} ids, expected at most the "
            f"{found.vocabulary} of its head"
        )


def load_own(path: str, context: int) -> OwnModel:
    """The model that `model.path` names, in fp32 on the CPU.

    Raises:
        ModelError: as `own_shape`, or its logits are more than its head's products.
    """
    files = find_own(path)
    quiet()
    from transformers import AutoModelForCausalLM, GgufConfig

    options: dict[str, Any] = {"use_safetensors": True}
    if files.gguf:  # what is trained has whole weights
        options = {"quantization_config": GgufConfig(dequantize=True)}
    theirs = _theirs(files, AutoModelForCausalLM, dtype=torch.float32, **options)
    model = OwnModel(theirs, path, context)
    _check(model, files)
    return model


def _theirs(files: Files, kind: Any, **options: Any) -> Any:
    """What transformers makes of the files: a config or a model.

    Raises:
        ModelError: it makes nothing of them.
    """
    if files.gguf:
        options["gguf_file"] = files.gguf
    try:
        return kind.from_pretrained(
            str(files.folder), trust_remote_code=False, local_files_only=True, **options
        )
    except Exception as error:  # the library raises what it likes
        raise _unread(files, error) from None


def _unread(files: Files, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [""])[0]
    return ModelError(
        f"model.path={files.path}: not read by transformers ({type(error).__name__}: {reason}), "
        "expected a causal language model that needs no code of its own"
    )


@torch.no_grad()
def _check(model: OwnModel, files: Files) -> None:
    """Refuse a model that makes its logits in a way that our loss does not know.

    Raises:
        ModelError: they are not what `Output.logits` makes of the head's products.
    """
    ids = torch.arange(1, 9) % len(model.head)
    theirs = model.theirs(input_ids=ids[None], use_cache=False).logits[0]
    ours = model.output.logits(model(ids, Layout(1, len(ids))) @ model.head.mT)
    if not (theirs - ours).abs().max() <= NEAR * theirs.abs().max():
        raise ModelError(
            f"model.path={files.path}: {model.theirs.config.model_type} scales its logits or makes "
            "them in another way than by head, bias and soft cap; expected one that does not"
        )
