"""A sweep on a Ray cluster of three nodes that share no folder, under fire: killed workers, a
killed node, a killed driver, a node that joins late. Slow; needs `ray` and the right to mount.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.engine.locks import LOCK, owner_note
from harness.engine.status import status_of
from harness.records import FAILURE, RESULT, Failure
from harness.records.storage import read_json
from tests.ray_nodes import Nodes, nodes, until
from tests.tiny_sweep import figures, start, toy_runs, tries
from tests.tiny_sweep import sweep as by_pool

pytest.importorskip("ray", reason="needs the extra cluster")

RUNS = 60
BAD = {"raise": 1000, "exit": 1001, "leave": 1002, "hang": 1003}
FAULTS = {**dict.fromkeys(range(RUNS), "nap"), **{seed: kind for kind, seed in BAD.items()}}
TIMEOUT = 30


def can_mount() -> bool:
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("unshare") is None or not can_mount(), reason="needs mounts of its own"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the nodes do not see."""
    return tmp_path_factory.mktemp("launch")


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[Nodes]:
    short = Path(tempfile.mkdtemp(prefix="hr", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        with nodes(folder, short, FAULTS, count) as found:
            yield found
    shutil.rmtree(short, ignore_errors=True)


@pytest.fixture(scope="module")
def three(folder: Path) -> Iterator[Nodes]:
    """A cluster of three nodes."""
    with cluster(folder, 3) as found:
        yield found


def launch(folder: Path, address: str, *arguments: str) -> subprocess.Popen[str]:
    return start(
        folder, *arguments, "hydra/launcher=cluster", f"hydra.launcher.address={address}",
        f"hydra.launcher.timeout={TIMEOUT}",
    )  # fmt: skip


def at_work(folder: Path) -> list[int]:
    notes = [owner_note(path.parent) for path in folder.glob(f"*/{LOCK}")]
    return sorted({note["pid"] for note in notes if note and note.get("pid")})


def test_runs_that_fail_cost_themselves_alone(folder: Path, three: Nodes) -> None:
    seeds = ",".join(map(str, [2000, 2001, *BAD.values()]))
    launched = launch(
        folder, three.address, f"seed={seeds}", "sweep=bad", "hydra.launcher.retries=0"
    )
    said, _ = launched.communicate(timeout=600)
    assert launched.returncode == 1, said
    assert len(list(folder.glob(f"bad/*/{RESULT}"))) == 2
    failures = {}
    for path in folder.glob(f"bad/*/{FAILURE}"):
        failure = read_json(path, Failure)
        failures[int(failure.run.split("-")[4][1:])] = failure
    errors = {seed: failure.error for seed, failure in failures.items()}
    assert errors[1000] == "RuntimeError: injected" and errors[1001] == "SystemExit: 3"
    assert errors[1002].startswith("the actor on ") and " died: " in errors[1002]
    assert errors[1003].startswith(f"no progress for {TIMEOUT} s")
    assert "in go_wrong" in failures[1003].traceback  # its stack came back before it was killed
    assert "Traceback" not in said


def test_a_launch_from_outside_the_cluster(folder: Path, three: Nodes) -> None:
    launched = launch(folder, three.from_outside, "seed=range(3)", "sweep=outside")
    said, _ = launched.communicate(timeout=600)
    assert launched.returncode == 0 and "3 of 3 runs" in said, said
    assert len(list(folder.glob(f"outside/*/{RESULT}"))) == 3
    assert "INFO" not in said and "Traceback" not in said


def test_a_lost_head_ends_the_launch_and_a_new_cluster_goes_on(tmp_path: Path) -> None:
    arguments = ("seed=range(8)", "hydra.launcher.retries=6")

    def finished() -> int:
        return len(list(tmp_path.glob(f"s/*/{RESULT}")))

    with cluster(tmp_path, 2) as found:
        launched = launch(tmp_path, found.address, *arguments)
        until(lambda: finished() >= 2, 300)
        found.kill(0)
        said, _ = launched.communicate(timeout=300)
    assert launched.returncode == 1 and "GCS" in said and "Traceback" not in said
    before = finished()
    assert before < 8 and not list(tmp_path.glob(f"s/*/{FAILURE}"))
    again = launch(tmp_path, "local", *arguments, "hydra.launcher.slots=1")
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0 and f"{before} of 8 runs finished already" in said, said
    assert finished() == 8


def test_no_run_is_lost_torn_or_changed(folder: Path, three: Nodes) -> None:
    chance = random.Random(0)
    sweep = folder / "s"
    arguments = (f"seed=range({RUNS})", "hydra.launcher.retries=6")
    began = time.monotonic()
    launched = launch(folder, three.address, *arguments)
    said = []
    workers, events = 0, ["node", "driver"]
    marks = {"node": RUNS // 4, "driver": RUNS // 2}
    while launched.poll() is None:
        assert time.monotonic() - began < 1500, "the sweep hangs"
        time.sleep(chance.uniform(0.5, 4.0))
        done = len(list(sweep.glob(f"*/{RESULT}")))
        if events and done >= marks[events[0]]:
            if events.pop(0) == "node":
                three.kill(2)
            else:
                launched.kill()
                said.append(launched.communicate()[0])
                three.start()  # a node that joins late
                launched = launch(folder, three.address, *arguments)
        elif workers < max(1, RUNS // 8) and (busy := at_work(sweep)):
            os.kill(chance.choice(busy), signal.SIGKILL)
            workers += 1
    said.append(launched.communicate()[0])
    seconds = time.monotonic() - began
    assert launched.returncode == 0 and not events and workers, said
    results = sorted(path.parent for path in sweep.glob(f"*/{RESULT}"))
    assert len(results) == RUNS and not list(sweep.glob(f"*/{FAILURE}"))
    told = re.findall(r"\] finished (\S+):", "".join(said))
    assert len(told) == len(set(told)), "a run was finished twice"
    status = status_of(sweep)
    assert (len(status.finished), status.running, status.waiting) == (RUNS, [], [])
    assert not list(sweep.glob("*/.*.partial"))
    calm = folder / "calm"
    calm.mkdir()
    (calm / "records.jsonl").write_bytes((folder / "records.jsonl").read_bytes())
    assert by_pool(toy_runs(calm, RUNS), slots=2)[0].finished == RUNS
    for result in results:
        assert figures(result) == figures(calm / "s" / result.name)
    for number in range(3):  # each had the data once, of its own
        homes = list(three.temporary(number).glob("prompt-mask-harness-*/inputs/*/records.jsonl"))
        assert len(homes) == 1
    begun = tries(sweep)
    told_of = {"runs": RUNS, "workers_killed": workers, "tries": sum(begun.values())}
    print(json.dumps(told_of | {"seconds": round(seconds), "load": round(os.getloadavg()[0], 1)}))
