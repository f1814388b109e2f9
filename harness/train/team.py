"""One lone run trained by several processes, its ranks: each takes its share of every step's rows.

A loss is a sum here as well (`harness.train.loss`): ranks add up their gradients, every one of them
already divided by the whole step's denominator. A mean over ranks would weigh a token by how many
its rank holds.

Each rank holds the whole model (PyTorch's DistributedDataParallel), and makes the same update. In
fp32 that takes 20 bytes a parameter: weights, gradients, their buckets and AdamW's two moments, 31
GB at the 1.5 billion of GPT-2 XL, so that 80 GB leave room for what a micro-batch needs. Sharded
weights or moments (FSDP2, ZeRO) would take less, but would have to be put together again for
evaluation, answers and checkpoints, which belong to the first rank alone.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch does not say
from torch.nn.parallel import DistributedDataParallel

from harness.config.schema import Train
from harness.models.gpt import GPT, Shape, needs_no_grid
from harness.train.batch import Batch
from harness.train.learner import Learner
from harness.train.loop import StepSums, Training, fit, weighted_sum
from harness.train.shares import share
from harness.train.steps import Course

PATIENCE = timedelta(days=30)
"""How long a rank waits for the others, which wait while the first one evaluates. Who started them
ends them all when one dies.
"""


class Team(NamedTuple):
    """A process among the ranks of a run.

    Attributes:
        rank: its number; the first one, 0, keeps the records.
        size: how many there are.
    """

    rank: int
    size: int


def join(team: Team, port: int, on_gpu: bool) -> None:
    """Meet the other ranks, at the TCPStore that listens at this port; rank N takes GPU N."""
    if on_gpu:
        torch.cuda.set_device(team.rank)
    if sys.platform == "linux":  # all are on this host, whatever its name resolves to
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = TCPStore("127.0.0.1", port, is_master=False)
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(
        backend, store=store, rank=team.rank, world_size=team.size, timeout=PATIENCE
    )


class _Lesson(NamedTuple):
    """What the first rank tells the others of a run.

    Attributes:
        shape: of the model.
        train: its settings.
        course: all steps, whole.
        micro_tokens: most tokens of a rank's micro-batch.
        done: steps done.
    """

    shape: Shape
    train: Train
    course: Course
    micro_tokens: int
    done: int


class TeamTraining(Training):
    """A lone run's training on one rank, in step with the others."""

    def __init__(self, team: Team, model: GPT, learner: Learner, micro_tokens: int) -> None:
        """Before `begin`; `learner` has the whole course."""
        super().__init__(model, [learner], micro_tokens)
        self._team = team
        self._gpt = model
        self._spread: DistributedDataParallel | None = None

    def begin(self) -> None:
        """Start all ranks where the first one is, each on its share of the rows.

        Called once by every rank, when the first has restored what it goes on from.
        """
        (learner,) = self.learners
        course, done = learner.course, learner.totals.steps
        if self._team.rank == 0:
            lesson = _Lesson(self._gpt.shape, learner.train, course, self.micro_tokens, done)
            dist.broadcast_object_list([lesson], 0)
        if done:
            moments = self.optimizer.moments(0)
            for tensor in (*moments.first.values(), *moments.second.values()):
                dist.broadcast(tensor, 0)
        padded = not needs_no_grid(self.model.device, learner.train.precision)
        learner.course = share(course, *self._team, self.micro_tokens, padded)
        # Takes the first rank's weights over.
        self._spread = DistributedDataParallel(_Loss(self._gpt), gradient_as_bucket_view=True)

    def settle(self) -> None:
        """As ever on the first rank; the others keep no records.

        They never stop by themselves either, but go on until the first rank has ended.
        """
        if self._team.rank == 0:
            super().settle()
        else:
            self._pending.clear()

    def accumulate(self, micro_tokens: int) -> StepSums:
        """The whole step's gradient and sums, of which this rank works out its share.

        Raises:
            ValueError: this GPU's memory does not suffice; one line.
        """
        assert self._spread
        (learner,) = self.learners
        step = learner.course.steps[learner.totals.steps]
        where = self.model.device
        own = torch.zeros(2, device=where)
        try:
            for number in range(len(step.parts)):
                batch = self._batch(self.learners, number).to(where)
                last = number + 1 == len(step.parts)
                with nullcontext() if last else self._spread.no_sync():
                    loss: StepSums = self._spread(batch, learner.train.precision)
                    # DistributedDataParallel divides by the ranks, for a mean of their gradients.
                    (loss.total * self._team.size / step.denominator).backward()
                own += torch.stack([loss.total.detach(), loss.prompt])
        except torch.OutOfMemoryError:  # another rank may be past the point of going back
            raise ValueError(
                f"rank {self._team.rank} of {self._team.size}: the GPU's memory does not suffice "
                f"for train.micro_tokens={micro_tokens}, expected fewer"
            ) from None
        dist.all_reduce(own)
        return StepSums(own[0], own[1])


class _Loss(nn.Module):
    """A model with its loss, as DistributedDataParallel wants it: one forward pass."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, precision: str) -> StepSums:
        """As `weighted_sum`."""
        return weighted_sum(self.model, batch, precision)


def follow(team: Team, chosen: torch.device) -> None:
    """Train as any rank but the first does: all steps of whatever run the first one begins."""
    box: list[Any] = [None]
    dist.broadcast_object_list(box, 0)
    lesson: _Lesson = box[0]
    with chosen:
        model = GPT(lesson.shape)
    learner = Learner(lesson.train, lambda _: lesson.course, lambda _: None, lesson.course)
    training = TeamTraining(team, model, learner, lesson.micro_tokens)
    training.optimizer.steps[0] = learner.totals.steps = lesson.done
    training.begin()
    fit(training, lambda: None)
