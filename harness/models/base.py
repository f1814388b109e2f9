"""The seam for models: what training, evaluation and decoding ask of one, whatever its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import torch
from torch import Tensor

if TYPE_CHECKING:
    from harness.models.gpt import Layout


class Output(NamedTuple):
    """What makes logits of the products of states and head.

    Attributes:
        bias: [V], added to them; None for none.
        cap: bounds them smoothly, cap · tanh(logit / cap) (Gemma 2, arXiv 2408.00118); 0 for none.
    """

    bias: Tensor | None = None
    cap: float = 0.0

    def logits(self, products: Tensor) -> Tensor:
        """Logits [..., V] of the products of states and head."""
        if self.bias is not None:
            products = products + self.bias
        return self.cap * torch.tanh(products / self.cap) if self.cap else products


PLAIN = Output()
"""The products themselves."""


class Prompts(NamedTuple):
    """Prompts to be answered, laid out flat as a batch; rows R of all runs, tokens N.

    Attributes:
        ids: int64 [N], a stack's filler included.
        layout: their places.
        real: int64 [P], which of them belong to prompts.
        owner, column: int64 [P], the row of each of these and its place in it.
        last: int64 [R], the flat place of each prompt's last token.
        room: tokens that a row can grow to.
    """

    ids: Tensor
    layout: Layout
    real: Tensor
    owner: Tensor
    column: Tensor
    last: Tensor
    room: int


class Decoder(Protocol):
    """Rows under way, with what the model keeps of the tokens so far."""

    @property
    def states(self) -> Tensor:
        """The final state of each prompt's last token, [R, D]."""

    @property
    def in_place(self) -> bool:
        """Whether `step` is kernels alone, on memory that stays, so that a graph can hold it."""

    def step(self, ids: Tensor, positions: Tensor, bound: int) -> Tensor:
        """Feed one token a row.

        Args:
            ids: int64 [R].
            positions: int64 [R], where they stand in their rows.
            bound: no position reaches it; known without a look at the device.

        Returns:
            The final states, [R, D].
        """

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone, int64."""


class Sizes(Protocol):
    """What is known of a model without its weights."""

    @property
    def layers(self) -> int:
        """Blocks."""

    @property
    def width(self) -> int:
        """Of its states."""

    @property
    def vocabulary(self) -> int:
        """Rows of the output head."""

    @property
    def context(self) -> int:
        """The longest sequence, in tokens."""

    @property
    def parameters(self) -> int:
        """All of them, tied ones counted once."""


class LanguageModel(Protocol):
    """A causal language model, or a stack of them: every tensor then has a leading axis of runs.

    Attributes:
        runs: S, how many a stack holds; 0 for a lone model.
    """

    runs: int

    @property
    def context(self) -> int:
        """The longest sequence, in tokens."""

    @property
    def head(self) -> Tensor:
        """The output head [V, D], or [S, V, D]."""

    @property
    def output(self) -> Output:
        """What makes logits of the head's products."""

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""

    def __call__(self, ids: Tensor, layout: Layout) -> Tensor:
        """Final states [N, D] of flat token ids [N]; a token sees its own row alone."""

    def to(self, device: torch.device) -> Self:
        """The model on a device."""

    def apart(self, flat: Tensor) -> Tensor:
        """Flat states [N, …] of a stack as [S, N / S, …]; those of a lone model as they are."""

    def decoder(self, prompts: Prompts) -> Decoder:
        """Take in prompts that are to be answered."""

    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """What is trained, by name."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """What is trained."""

    def of_run(self, run: int) -> dict[str, Tensor]:
        """What is trained of one run, by the names that a lone model has for it; views."""

    def put(self, run: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy a lone model's tensors in as those of one run."""
