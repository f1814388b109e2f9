"""AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) for a lone run, or for each run of a stack.

PyTorch's fused kernel is called by itself: `torch.optim` takes seconds to import, and knows one
learning rate where every run of a stack has its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.config.schema import Train
from harness.models.base import LanguageModel
from harness.models.device import has_triton

EPSILON = 1e-8

CLIP_EPSILON = 1e-6
"""What PyTorch's clipping adds to the norm."""


class Moments(NamedTuple):
    """What AdamW knows of one run beside its weights; tensors by parameter name.

    Attributes:
        first, second: running means of gradient and squared gradient.
        steps: updates so far.
    """

    first: dict[str, Tensor]
    second: dict[str, Tensor]
    steps: int


class AdamW:
    """AdamW with weight decay on matrices alone, after clipping each run's gradient by its norm.

    Attributes:
        steps: updates of each run so far.
        in_kernels: whether a step is `figures` on the host and `update` on a GPU.
    """

    def __init__(self, model: LanguageModel, trains: Sequence[Train]) -> None:
        """Before the first step; `trains` has the settings of each run, one for a lone model."""
        self.steps = [0] * len(trains)
        self._trains = list(trains)
        self._names = [name for name, _ in model.named_parameters()]
        self._parameters = list(model.parameters())
        self._first = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._stacked = model.runs > 0
        dimensions = 3 if self._stacked else 2
        self._decayed = [parameter.ndim >= dimensions for parameter in self._parameters]
        on_gpu = self._stacked and model.device.type == "cuda"
        self.in_kernels = on_gpu and has_triton()

    def narrow(self, model: LanguageModel) -> None:
        """Go on with the first runs alone; `model` is the stack of them."""
        count = model.runs
        self._parameters = list(model.parameters())
        self._first = [tensor[:count] for tensor in self._first]
        self._second = [tensor[:count] for tensor in self._second]
        self._trains = self._trains[:count]

    def step(self, rates: Sequence[float]) -> Tensor:
        """Clip, update every run, and clear the gradients.

        Args:
            rates: the learning rate of each run.

        Returns:
            L2 norm of each run's whole gradient before clipping: [], or [S] in a stack.
        """
        figures = self.figures(rates) if self.in_kernels else None
        self.count(len(rates))
        if figures is not None:
            return self.update(figures)
        if not self._stacked:
            norm: Tensor = torch.nn.utils.clip_grad_norm_(
                self._parameters, self._trains[0].clip or math.inf
            )
            self._update(
                self._parameters, self._gradients(), self._first, self._second, 0, rates[0]
            )
        else:
            norm = self._stacked_step(rates)
        self._clear()
        return norm

    def count(self, runs: int) -> None:
        """The first so many runs make a step."""
        for run in range(runs):
            self.steps[run] += 1

    def figures(self, rates: Sequence[float]) -> Tensor:
        """What the kernels of the next step need to know of each run.

        Returns:
            float32 [S, 6], on its way to the device: learning rate over the first moment's bias
            correction, one over the root of the second's, what decay multiplies weights with, both
            betas, and the norm at which gradients are clipped.
        """
        rows = []
        for run, (train, rate) in enumerate(zip(self._trains, rates, strict=True)):
            steps = self.steps[run] + 1
            first, second = 1 - train.beta1**steps, 1 - train.beta2**steps
            decay = 1 - rate * train.weight_decay
            clip = train.clip or math.inf
            rows.append([rate / first, second**-0.5, decay, train.beta1, train.beta2, clip])
        host = torch.tensor(rows, dtype=torch.float32).pin_memory()
        return host.to(self._parameters[0].device, non_blocking=True)

    @torch.no_grad()
    def update(self, figures: Tensor) -> Tensor:
        """As `step`, all runs of a stack at once, a kernel each parameter; nothing waits for the
        host.
        """
        from harness.train.adamw_kernel import update

        gradients = self._gradients()
        norm = _norms(gradients)
        factors = (figures[:, -1] / (norm + CLIP_EPSILON)).clamp(max=1.0)
        for number, parameter in enumerate(self._parameters):
            update(
                parameter,
                gradients[number],
                self._first[number],
                self._second[number],
                factors,
                figures,
                self._decayed[number],
                EPSILON,
            )
        self._clear()
        return norm

    def moments(self, run: int) -> Moments:
        """The state of one run, as a lone run has it."""
        first, second = (
            {
                name: tensor[run] if self._stacked else tensor
                for name, tensor in zip(self._names, tensors, strict=True)
            }
            for tensors in (self._first, self._second)
        )
        return Moments(first, second, self.steps[run])

    def put(
        self, run: int, first: Mapping[str, Tensor], second: Mapping[str, Tensor], steps: int
    ) -> None:
        """Go on from the state of one run."""
        own = self.moments(run)
        for name in self._names:
            own.first[name].copy_(first[name])
            own.second[name].copy_(second[name])
        self.steps[run] = steps

    def _gradients(self) -> list[Tensor]:
        return [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            for parameter in self._parameters
        ]

    def _clear(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def _stacked_step(self, rates: Sequence[float]) -> Tensor:
        gradients = self._gradients()
        norm = _norms(gradients)
        clips = torch.tensor([train.clip or math.inf for train in self._trains], dtype=norm.dtype)
        factors = (clips.to(norm.device) / (norm + CLIP_EPSILON)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= factors.view(-1, *[1] * (gradient.ndim - 1))
        for run, rate in enumerate(rates):
            self._update(
                [parameter.detach()[run] for parameter in self._parameters],
                [gradient[run] for gradient in gradients],
                [tensor[run] for tensor in self._first],
                [tensor[run] for tensor in self._second],
                run,
                rate,
            )
        return norm

    @torch.no_grad()
    def _update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        first: Sequence[Tensor],
        second: Sequence[Tensor],
        run: int,
        rate: float,
    ) -> None:
        """PyTorch's fused kernel on one run, matrices and vectors apart."""
        train = self._trains[run]
        count = torch.tensor(float(self.steps[run]), device=parameters[0].device)
        for decayed in (True, False):
            kept = [number for number, flag in enumerate(self._decayed) if flag is decayed]
            if not kept:  # adapters are matrices alone
                continue
            torch._fused_adamw_(
                [parameters[number] for number in kept],
                [gradients[number] for number in kept],
                [first[number] for number in kept],
                [second[number] for number in kept],
                [],
                [count] * len(kept),
                lr=rate,
                beta1=train.beta1,
                beta2=train.beta2,
                weight_decay=train.weight_decay if decayed else 0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )


def _norms(gradients: Sequence[Tensor]) -> Tensor:
    """L2 norm of each run's whole gradient [S]; gradients are [S, …]."""
    norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return norm
