"""One run over several processes: their sums are one process's, whatever each of them holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
import torch.distributed as dist
from rich.console import Console
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch does not say

from harness.config.launchers import Pool, Slurm
from harness.config.schema import Run, with_launch
from harness.config.validate import ConfigError
from harness.data.rows import Row
from harness.engine import ranks, slots
from harness.engine.cells import cells_of, missing_devices
from harness.engine.job import Job
from harness.engine.launchers import LaunchError
from harness.engine.rank import Part
from harness.engine.ranks import Rank, start
from harness.engine.slurm import launch as submit
from harness.models.gpt import GPT
from harness.records import CHECKPOINT, FAILURE, RESULT, STEPS, Failure, Result, StepRecord
from harness.records.roles import ROLE_ID
from harness.records.storage import read_json
from harness.run.identity import stamp
from harness.train.learner import Learner
from harness.train.loop import Training
from harness.train.shares import deal, share
from harness.train.steps import Course, course
from harness.train.team import Team, TeamTraining, join
from tests.tiny import MASKS, random_rows, run_of, toy, training
from tests.tiny_sweep import inline, overrides

VOCABULARY = 50
MICRO_TOKENS = 24

FOLLOWER = """
import sys, torch
from harness.train.team import Team, follow, join
join(Team(1, 2), int(sys.argv[1]), False)
follow(Team(1, 2), torch.device("cpu"))
"""


def row(length: int, weighted: int) -> Row:
    """A row of random tokens of which the last so many have weight."""
    ids = np.random.default_rng(length).integers(0, VOCABULARY, length + 1).astype(np.int32)
    weights = np.zeros(length, np.float32)
    weights[length - weighted :] = 1.0
    return Row(ids[:-1], ids[1:], np.full(length, ROLE_ID["response"], np.int8), weights)


def steps_of(sets: list[list[Row]]) -> Course:
    """A course with a step of each of the given rows."""
    rows = [each for own in sets for each in own]
    cuts, first = [], 0
    for own in sets:
        cuts.append([np.arange(first, first + len(own))])
        first += len(own)
    return course(rows, cuts, training(), MASKS["none"], 1e-3)


UNEVEN = [
    [row(100, 100), row(101, 1)],  # 1 weighted token against 100
    [row(9, 5)],  # nothing for the second rank
    [row(12, 0), row(11, 7)],  # no weight on the first rank
    random_rows(13, VOCABULARY, 3, "none"),  # several micro-batches, more on one rank
]


def test_rows_go_to_the_rank_with_the_fewest_tokens_the_longest_first() -> None:
    dealt = deal(np.array([3, 5, 3, 4, 3]), 2)
    assert [hand.tolist() for hand in dealt] == [[1, 2], [3, 0, 4]]
    assert [hand.tolist() for hand in deal(np.array([7]), 3)] == [[0], [], []]


def test_the_shares_of_all_ranks_are_the_whole_step() -> None:
    whole = steps_of(UNEVEN)
    parts = [share(whole, rank, 3, MICRO_TOKENS) for rank in range(3)]
    for number, step in enumerate(whole.steps):
        own = [part.steps[number] for part in parts]
        assert {each.denominator for each in own} == {step.denominator}
        assert {(each.tokens, each.weight, each.lr) for each in own} == {
            (step.tokens, step.weight, step.lr)
        }
        weights = 0.0
        for part, each in zip(parts, own, strict=True):
            assert each.parts  # every rank takes part in every step
            weights += float(part.rows.weights[each.parts[0][2] : each.parts[-1][3]].sum())
        assert weights == pytest.approx(step.weight)
    lone = [part.steps[1].parts for part in parts]
    flats = [part.part(1, 0) for part in parts]
    assert [len(own) for own in lone] == [1, 1, 1]
    assert [float(flat.weights.sum()) for flat in flats if flat] == [5.0, 0.0, 0.0]


@pytest.fixture
def second_rank() -> Iterator[None]:
    """A process that follows this one, which is the first rank."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    process = subprocess.Popen([sys.executable, "-c", FOLLOWER, str(store.port)])
    try:
        join(Team(0, 2), store.port, on_gpu=False)
        yield
        dist.destroy_process_group()
    finally:
        process.kill()
        process.wait()


def trained(
    model: GPT, team: Team | None = None
) -> tuple[list[StepRecord], list[dict[str, Tensor]]]:
    """Train on `UNEVEN`, maybe as a rank; the steps' records and their gradients."""
    records: list[StepRecord] = []
    gradients: list[dict[str, Tensor]] = []
    whole = steps_of(UNEVEN)
    learner = Learner(training(clip=0.5), lambda _: whole, records.append, whole)
    learning = Training(model, [learner], MICRO_TOKENS)
    if team:
        learning = TeamTraining(team, model, learner, MICRO_TOKENS)
        learning.begin()
    update = learning.optimizer.step

    def step(rates: list[float]) -> Tensor:
        named = model.named_parameters()
        gradients.append({name: each.grad.clone() for name, each in named if each.grad is not None})
        return update(rates)

    learning.optimizer.step = step  # type: ignore[method-assign, assignment]  # in its place
    for _ in UNEVEN:
        learning.step()
    return records, gradients


@pytest.mark.process
def test_two_ranks_train_as_one_process_does(second_rank: None) -> None:
    lone, ours = toy(VOCABULARY), toy(VOCABULARY)
    expected, expected_gradients = trained(lone)
    records, gradients = trained(ours, Team(0, 2))
    assert [record.weighted_tokens for record in records] == [
        101,
        5,
        7,
        expected[3].weighted_tokens,
    ]
    for record, other in zip(records, expected, strict=True):
        assert abs(record.loss - other.loss) <= 1e-6
        assert abs(record.grad_norm - other.grad_norm) <= 1e-6
    for own, others in zip(gradients, expected_gradients, strict=True):
        assert len(own) == len(others) == 28
        for name, gradient in own.items():
            assert (gradient - others[name]).abs().max() <= 1e-6, name
    others = dict(lone.named_parameters())
    for name, parameter in ours.named_parameters():
        apart = (parameter - others[name]).detach().abs()
        if name.endswith("qkv.bias"):
            # Softmax takes no notice of the keys' bias: AdamW makes steps of rounding there.
            apart[32:64] = 0
        assert apart.max() <= 1e-6, name


def toy_run(folder: Path, *more: str) -> Run:
    """A toy run of some seconds, with a checkpoint after each step."""
    return run_of(
        *overrides(folder), "data.size=20", "train.epochs=8", "checkpoint_seconds=1e-9", *more
    )


@pytest.mark.process
def test_a_rank_that_dies_fails_the_run_and_ends_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Rank] = []

    def start_sleeper(part: Part) -> Rank:
        ours, theirs = Pipe()
        code = "import time; time.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", code], pass_fds=[theirs.fileno()])
        theirs.close()
        started.append(Rank(part.team, process, ours))
        if part.team.rank == 1:
            process.kill()
        return started[-1]

    monkeypatch.setattr(ranks, "start", start_sleeper)
    inline([run_of(*overrides(tmp_path), "gpus=3")])
    (failure,) = tmp_path.glob(f"*/*/{FAILURE}")
    assert read_json(failure, Failure).error == "RankError: rank 1 of 3 was killed by SIGKILL"
    assert [rank.process.poll() for rank in started] == [-signal.SIGKILL] * 3


@pytest.mark.slow
def test_a_run_whose_rank_was_killed_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Rank] = []

    def start_and_kill(part: Part) -> Rank:
        started.append(start(part))
        if part.team.rank:
            Thread(target=kill, args=(started[-1].process.pid,)).start()
        return started[-1]

    def kill(pid: int) -> None:
        while not list(tmp_path.glob(f"two/*/{CHECKPOINT}")):
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(ranks, "start", start_and_kill)
        run = toy_run(tmp_path, "gpus=2", "sweep=two")
        inline([run])
    (failure,) = tmp_path.glob(f"two/*/{FAILURE}")
    assert read_json(failure, Failure).error == "RankError: rank 1 of 2 was killed by SIGKILL"
    assert [rank.process.poll() for rank in started] == [-signal.SIGKILL] * 2
    inline([with_launch(run, retry="failed")])
    inline([toy_run(tmp_path, "sweep=one")])
    (ours,), (lone,) = tmp_path.glob(f"two/*/{RESULT}"), tmp_path.glob(f"one/*/{RESULT}")
    result, expected = read_json(ours, Result), read_json(lone, Result)
    assert len(result.provenance["resumed"]) == 1
    assert (result.provenance["gpus"], expected.provenance["gpus"]) == (2, 1)
    assert result.identity == expected.identity
    assert result.steps == expected.steps == len((ours.parent / STEPS).read_text().splitlines())
    for split, roles in expected.nll.items():
        assert result.nll[split] == pytest.approx(roles, abs=1e-5)


def test_too_few_gpus_are_one_line_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    run = run_of(*overrides(tmp_path))
    of = [with_launch(run, gpus=gpus, device="auto") for gpus in (2, 4)]
    assert missing_devices(of[:1]) == []
    assert missing_devices(of[1:]) == ["gpus=4: 2 present, expected at most 2, or device=cpu"]
    assert missing_devices([with_launch(of[1], device="cpu")]) == []
    assert missing_devices(of)[0] == "gpus=2, 4: expected one number for all runs of a launch"
    jobs = [Job(cell, stamp(cell.folder)) for cell in cells_of(of[:1])]
    with pytest.raises(LaunchError, match=r"gpus=2: a job has hydra.launcher.gpus=1, expected 2"):
        submit(jobs, Slurm(gpus=1), Console())


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("device=cuda:1", "device='cuda:1': expected auto, cuda or cpu with gpus=2"),
        ("stack=4", "stack=4: expected auto or 1 with gpus=2"),
    ],
)
def test_a_run_over_gpus_names_none_and_is_in_no_stack(override: str, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        run_of("gpus=2", override)
    assert raised.value.faults == [fault]


def test_a_worker_takes_as_many_gpus_as_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots.teams(["4", "5", "6", "7", "8"], 2) == ["4,5", "6,7"]
    assert slots.teams(["0", "1"], 1) == ["0", "1"]
    monkeypatch.setattr(slots, "cpus", lambda: 8)
    run = with_launch(run_of("gpus=2", "device=cpu"), threads=2)
    assert slots.workers([], Pool(), [run]) == 2
    assert slots.workers(["0,1", "2,3"], Pool(), [run]) == 2
    assert slots.stack_limit([run], 2, 2) == 1
