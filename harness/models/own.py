"""Causal language models of transformers behind `harness.models.base.LanguageModel`.

Rows stand in a grid, each filled up behind its last token, where the causal mask hides the filling
from what is real. Dropout is off, so that a run gives the same numbers again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from harness.data.own_tokenizer import load_own_tokenizer
from harness.models.base import Decoder, Output, Prompts
from harness.models.gpt import Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnShape:
    """The sizes of a model of transformers.

    Attributes:
        layers, width: of its blocks.
        vocabulary: rows of the output head.
        context: the longest sequence that it takes, in tokens; 0 where its config tells none.
        parameters: all, tied ones counted once.
    """

    layers: int
    width: int
    vocabulary: int
    context: int
    parameters: int


class OwnModel:
    """A causal language model of transformers.

    Attributes:
        theirs: the model as transformers has it.
        path: as `model.path` calls it.
        runs: 0, since each is trained alone.
        context: the longest sequence, in tokens.
        adapters: peft's model around it, where its adapters alone are trained; None where all is.
    """

    runs = 0
    adapters: Any = None

    def __init__(self, theirs: Any, path: str, context: int) -> None:
        self.theirs = theirs.eval()
        self.path = path
        self.context = context

    def __call__(self, ids: Tensor, layout: Layout) -> Tensor:
        """Final states [N, D] of flat token ids [N]."""
        grid = ids
        if layout.slots is not None:
            grid = ids.new_zeros(layout.rows * layout.length).index_copy(0, layout.slots, ids)
        states = self.body(input_ids=grid.view(layout.rows, layout.length), use_cache=False)
        flat: Tensor = states.last_hidden_state.flatten(0, 1)
        return flat if layout.slots is None else flat.index_select(0, layout.slots)

    @property
    def body(self) -> nn.Module:
        """The model up to its final states."""
        body: nn.Module = self.theirs.base_model
        return body

    @property
    def head(self) -> Tensor:
        """The output head [V, D]."""
        weight: Tensor = self.theirs.get_output_embeddings().weight
        return weight

    @property
    def output(self) -> Output:
        """What makes logits of the head's products."""
        config = self.theirs.config.get_text_config()
        cap = getattr(config, "final_logit_softcapping", None) or 0.0
        return Output(getattr(self.theirs.get_output_embeddings(), "bias", None), float(cap))

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return self.head.device

    def to(self, device: torch.device) -> Self:
        """Move it."""
        self.theirs.to(device)
        return self

    def apart(self, flat: Tensor) -> Tensor:
        """Flat states as they are."""
        return flat

    def decoder(self, prompts: Prompts) -> Decoder:
        """Take in prompts that are to be answered."""
        from harness.models.own_decoder import OwnDecoder

        return OwnDecoder(self, prompts)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """What is trained, by transformers' names."""
        for name, parameter in self.theirs.named_parameters():
            if parameter.requires_grad:
                yield name, parameter

    def parameters(self) -> Iterator[nn.Parameter]:
        """What is trained."""
        return (parameter for _, parameter in self.named_parameters())

    def of_run(self, run: int) -> dict[str, Tensor]:  # noqa: ARG002  # as the protocol has it
        """What is trained, by name; views."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    def save(self, folder: Path) -> None:
        """Write the model as transformers reads it, or its adapters as peft does, and beside it
        the tokenizer.

        Raises:
            OSError: the folder cannot be written.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft and transformers deprecate of each other
            (self.adapters or self.theirs).save_pretrained(folder)
        load_own_tokenizer(self.path).save(folder)

    @torch.no_grad()
    def put(self, run: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy tensors in."""
        for name, place in self.of_run(run).items():
            place.copy_(tensors[name])
