"""The launcher `cluster` without a cluster: actors in this process, on machines that share the disk
or do not. With Ray itself: tests/test_cluster_faults.py.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from harness.config.launchers import Cluster
from harness.config.schema import Run
from harness.config.validate import ConfigError
from harness.engine.actor import Actor
from harness.engine.cells import cells_of
from harness.engine.claims import Claim, claim
from harness.engine.job import Job
from harness.engine.launchers import LaunchError, Outcome, carry_out
from harness.engine.link import Gone, Node, Seen, Share, look, unlike, versions
from harness.engine.locks import lock, owner_note
from harness.engine.nodes import room_of
from harness.engine.parcels import pack, unpack
from harness.records import CHECKPOINT, EVALS, FAILURE, LOG, RESULT, STEPS, Failure
from harness.records.storage import read_json
from harness.run.identity import stamp
from harness.run.inputs import Input, inputs_of
from tests.tiny import run_of, write_records
from tests.tiny_sweep import figures, inline, overrides, toy_runs, tries


@dataclass(eq=False)
class Answer:
    """An answer that is there, or an error."""

    content: Any = None
    error: str = ""


@dataclass
class InProcess:
    """A cluster of one node whose actors live in this process.

    `shared`: whether it sees the launch's disk; `dies`: calls of `give` by their number that the
    actor does not survive.
    """

    shared: bool
    dies: tuple[int, ...] = ()
    given: int = 0
    calls: list[str] = field(default_factory=list)
    put_bytes: int = 0

    def nodes(self) -> list[Node]:
        return [Node("a", "host-a", 1, 0)]

    def look(self, node: Node, probe: Path, token: str, inputs: Mapping[str, Input]) -> Answer:
        seen = look(probe, token, inputs)
        if not self.shared:
            seen = seen._replace(shared=False, missing=frozenset(inputs))
        return Answer(seen)

    def start(self, node: Node, share: Share) -> Actor:
        return Actor()

    def call(self, actor: Actor, method: str, *arguments: Any) -> Answer:
        self.calls.append(method)
        self.given += method == "give"
        if method == "give" and self.given in self.dies:
            return Answer(error="Worker unexpectedly exits")
        return Answer(getattr(actor, method)(*arguments))

    def wait(self, answers: Sequence[Answer], seconds: float) -> Sequence[Answer]:
        return answers

    def get(self, answer: Answer) -> Any:
        if answer.error:
            raise Gone(answer.error)
        return answer.content

    def put(self, content: bytes) -> bytes:
        self.put_bytes += len(content)
        return content

    def fetch(self, reference: Any) -> bytes:
        assert isinstance(reference, bytes)
        return reference

    def kill(self, actor: Actor) -> None:
        """It has no process of its own."""


def launched(
    link: InProcess, runs: list[Run], monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[Outcome, str]:
    """Runs over such a link; how they ended and what was said."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("harness.engine.pool.BACKOFF", 0.01)
    monkeypatch.setattr("harness.engine.cluster.connected", lambda *_: _Opened(link))
    monkeypatch.setattr("harness.paths._brought", {})
    console = Console(record=True, width=300, file=io.StringIO())
    threads = torch.get_num_threads()
    try:
        outcome = carry_out(runs, "cluster", Cluster(timeout=0, **settings), console)
    finally:
        torch.set_num_threads(threads)
    return outcome, console.export_text()


@dataclass
class _Opened:
    link: InProcess

    def __enter__(self) -> InProcess:
        return self.link

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def test_runs_of_a_machine_without_our_disk_leave_the_records_of_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "node"))
    (tmp_path / "node").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    inline(toy_runs(ours, 3))
    monkeypatch.setattr("harness.engine.actor.HEARTBEAT", 60.0)
    link = InProcess(shared=False)
    outcome, said = launched(link, toy_runs(theirs, 3), monkeypatch)
    assert outcome == Outcome(3, 0, 0), said
    assert set(link.calls) == {"begin", "give"}  # within a heartbeat, one answer tells all
    folders = sorted(path.parent for path in (theirs / "s").glob(f"*/{RESULT}"))
    assert len(folders) == 3
    for folder, own in zip(folders, sorted((ours / "s").glob("full-*")), strict=True):
        assert figures(folder) == figures(own)
        assert names(folder) == names(own)
        assert (folder / "config.yaml").read_text().replace("theirs", "ours") == (
            own / "config.yaml"
        ).read_text()
    assert list(tries(theirs / "s").values()) == [1] * 3
    assert link.put_bytes == (theirs / "records.jsonl").stat().st_size  # once, for all runs
    (home,) = (tmp_path / "node").glob("prompt-mask-harness-*")
    assert [path.name for path in home.iterdir()] == ["inputs"]  # nothing of the runs is left
    assert not list((theirs / "s" / ".sweep").glob("probe-*"))


def test_a_machine_with_our_disk_writes_in_place_and_a_dead_actor_costs_a_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = InProcess(shared=True, dies=(1,))
    outcome, said = launched(link, toy_runs(tmp_path, 2), monkeypatch, retries=1)
    assert outcome == Outcome(2, 0, 0) and link.put_bytes == 0
    assert (
        "try 1 of 2: the actor on host-a died: Worker unexpectedly exits; again in 0.01 s" in said
    )
    assert link.calls.count("give") == 3 and link.calls.count("begin") == 2


def test_a_run_whose_actors_die_each_time_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = InProcess(shared=False, dies=(1, 2))
    outcome, _ = launched(link, toy_runs(tmp_path, 1), monkeypatch, retries=1)
    assert outcome == Outcome(0, 0, 1)
    (path,) = (tmp_path / "s").glob(f"*/{FAILURE}")
    failure = read_json(path, Failure)
    assert failure.attempts == 2
    assert failure.error == "the actor on host-a died: Worker unexpectedly exits"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def job_of(folder: Path) -> Job:
    (cell,) = cells_of(toy_runs(folder, 1))
    return Job(cell, stamp(cell.folder))


def test_a_claim_is_seen_and_gives_way_to_whoever_has_the_run(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    claimed = claim(job, "node-7", 77)
    assert isinstance(claimed, Claim)
    note = owner_note(job.cell.folder)
    assert note and (note["host"], note["pid"], note["phase"]) == ("node-7", 77, "prepare")
    taken = claim(job, "node-8", 88)
    assert not isinstance(taken, Claim) and (taken.kind, taken.run) == ("taken", job.name)
    claimed.release()
    (job.cell.folder / RESULT).write_text("{}")  # newer than the launch: another's
    settled = claim(job, "node-8", 88)
    assert not isinstance(settled, Claim) and settled.kind == "settled"
    held = lock(job.cell.folder)
    assert held is not None
    held.release()


def test_a_checkpoint_that_came_back_goes_along_with_the_next_try(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    claimed = claim(job, "node-7", 77)
    assert isinstance(claimed, Claim)
    kept = {CHECKPOINT: b"c", STEPS: b"s", EVALS: b"e"}
    assert claimed.task().kept == {}
    claimed.keep(kept)
    assert claimed.task().kept == kept
    for line in (b"one\n", b"two\n"):
        claimed.log(line)
    assert (job.cell.folder / LOG).read_bytes() == b"one\ntwo\n"
    claimed.end({STEPS: b"all", RESULT: b"{}"})
    assert not (job.cell.folder / CHECKPOINT).exists()
    assert (job.cell.folder / STEPS).read_bytes() == b"all"
    claimed.release()


def test_inputs_travel_once_a_machine_by_their_content(tmp_path: Path) -> None:
    (run,) = toy_runs(tmp_path, 1)
    (found,) = inputs_of([run, run]).values()
    assert found.lies_here() and found.single == "records.jsonl"
    parcel = pack(found, lambda content: content)
    fetched: list[bytes] = []

    def fetch(part: object) -> bytes:
        assert isinstance(part, bytes)
        fetched.append(part)
        return part

    home = tmp_path / "home"
    for _ in range(2):
        place = unpack(parcel, home, fetch)
    assert place.name == "records.jsonl" and len(fetched) == 1
    assert place.read_bytes() == (tmp_path / "records.jsonl").read_bytes()
    write_records(tmp_path / "records.jsonl", 30, words=5)
    assert not found.lies_here()  # another content at the same place
    (changed,) = inputs_of([run]).values()
    assert changed.digest != found.digest


def test_what_a_config_names_is_an_input(tmp_path: Path) -> None:
    for name in ("test.jsonl", "other.jsonl"):
        write_records(tmp_path / name, 20)
    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    run = run_of(
        *overrides(tmp_path), f"data.test_path={tmp_path}/test.jsonl",
        f"data.template={tmp_path}/chat.jinja", f"+score.also={{o: {tmp_path}/other.jsonl}}",
    )  # fmt: skip
    names = sorted(Path(name).name for name in inputs_of([run]))
    assert names == ["chat.jinja", "other.jsonl", "records.jsonl", "test.jsonl"]
    assert inputs_of([run_of("model=nano")]) == {}  # all of it comes with the package


def test_a_machine_takes_as_many_actors_as_its_gpus_or_cores_hold(tmp_path: Path) -> None:
    runs = toy_runs(tmp_path, 1)
    seen = Seen(shared=True, missing=frozenset(), gpu_bytes=80 * 2**30, versions=versions())
    on_gpu = [run_of(*overrides(tmp_path), "device=auto", "threads=1")]
    eight = Node("n", "h", 64, 8)
    assert room_of(eight, seen, Cluster(), on_gpu) == (32, Share(0, 0.25))
    assert room_of(eight, seen, Cluster(slots_per_gpu=2), on_gpu) == (16, Share(0, 0.5))
    assert room_of(eight, seen._replace(gpu_bytes=0), Cluster(), on_gpu) == (8, Share(0, 1.0))
    assert room_of(eight, seen, Cluster(), runs) == (64, Share(1, 0))
    together = [run_of(*overrides(tmp_path), "device=auto", "threads=1", "gpus=4")]
    assert room_of(eight, seen, Cluster(), together) == (2, Share(0, 4))


def test_a_machine_with_other_code_is_told_from_ours() -> None:
    ours = versions()
    assert unlike(ours) == ""
    assert unlike({**ours, "torch": "1.0"}) == f"torch 1.0 there, {ours['torch']} here"
    assert unlike({**ours, "commit": ""}) == ""  # an installed package is of no checkout


def test_faulty_settings_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Cluster(address="head", retries=-1).check()
    assert caught.value.faults == [
        "hydra.launcher.address='head': expected auto, local, ray://HOST:PORT or HOST:PORT",
        "hydra.launcher.retries=-1: expected 0 or more",
    ]
    for address in ("auto", "local", "ray://head:10001", "10.0.0.1:6379"):
        Cluster(address=address).check()


def test_without_ray_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LaunchError) as caught:
        carry_out(toy_runs(tmp_path, 1), "cluster", Cluster(), Console(quiet=True))
    assert str(caught.value) == (
        "hydra/launcher=cluster needs ray: pip install 'prompt-mask-harness[cluster]'"
    )
