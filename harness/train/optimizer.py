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
from harness.models.gpt import GPT

EPSILON = 1e-8


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
    """

    def __init__(self, model: GPT, trains: Sequence[Train]) -> None:
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
        self._kernel = self._stacked and model.device.type == "cuda"

    def narrow(self, model: GPT) -> None:
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
        for run in range(len(rates)):
            self.steps[run] += 1
        if not self._stacked:
            norm: Tensor = torch.nn.utils.clip_grad_norm_(
                self._parameters, self._trains[0].clip or math.inf
            )
            self._update(
                self._parameters, self._gradients(), self._first, self._second, 0, rates[0]
            )
        else:
            norm = self._stacked_step(rates)
        for parameter in self._parameters:
            parameter.grad = None
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

    def _stacked_step(self, rates: Sequence[float]) -> Tensor:
        gradients = self._gradients()
        norms = torch.stack(
            [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
        )
        norm: Tensor = torch.linalg.vector_norm(norms, dim=0)  # [S]
        clips = torch.tensor([train.clip or math.inf for train in self._trains], dtype=norm.dtype)
        factors = (clips.to(norm.device, non_blocking=True) / (norm + 1e-6)).clamp(max=1.0)
        if self._kernel:
            self._launch(gradients, factors, rates)
            return norm
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

    @torch.no_grad()
    def _launch(self, gradients: Sequence[Tensor], factors: Tensor, rates: Sequence[float]) -> None:
        """All runs of a stack at once, a kernel each parameter, with each run's own figures."""
        from harness.train.adamw_kernel import update

        rows = []
        for run, (train, rate) in enumerate(zip(self._trains, rates, strict=True)):
            steps = self.steps[run]
            first, second = 1 - train.beta1**steps, 1 - train.beta2**steps
            decay = 1 - rate * train.weight_decay
            rows.append([rate / first, 1 / math.sqrt(second), decay, train.beta1, train.beta2])
        figures = torch.tensor(rows, dtype=torch.float32).pin_memory()
        figures = figures.to(factors.device, non_blocking=True)
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
