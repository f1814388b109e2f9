"""The benchmarks: that all peers get the same work, that its arithmetic and records are right, and
that the page says what the records say.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from harness.models.gpt import Layout
from harness.models.hugging_face import export
from tests.benchmarks import cpu, gpu, performance
from tests.benchmarks.arithmetic import flops, parameters
from tests.benchmarks.driver import PartError, call
from tests.benchmarks.measured import ROOT, Floor, Measurement, Records, Sweep, Taken, processor
from tests.benchmarks.peers import work as works
from tests.benchmarks.peers.from_scratch import answer, collate, rate
from tests.benchmarks.peers.measure import held_out
from tests.benchmarks.peers.prepare import make
from tests.benchmarks.peers.scratch_model import load
from tests.benchmarks.peers.stand_in import write_records
from tests.benchmarks.peers.work import Conversation, Recipe, Work
from tests.benchmarks.runs import masks, overrides, phases
from tests.tiny import BPE, toy

TAKEN = Taken(date="2026-11-24", commit="abc1234", versions={"torch": "2.13.0"})
SHORT = Conversation(ids=[5, 6, 9], prompt=2)
LONG = Conversation(ids=[1, 2, 3, 4, 9], prompt=2)
RECIPE = Recipe(
    batch_tokens=4, batch=2, lr=1.0, warmup=0.2, weight_decay=0.0, beta1=0.9, beta2=0.99, clip=1.0
)
CONFIG = {"n_embd": 2, "n_layer": 3, "vocab_size": 10, "n_positions": 7}


def small_work(folder: Path, epochs: int = 1) -> Work:
    return Work(
        name="toy", folder=str(folder), train=[SHORT, LONG], test=[LONG, SHORT], answers=1,
        answer_tokens=3, end=9, epochs=epochs, seed=0, recipe=RECIPE, overrides=["model=nano"],
    )  # fmt: skip


def measurement(peer: str, train: float, **more: Any) -> Measurement:
    content: dict[str, Any] = {
        "part": peer, "work": "micro", "peer": peer, "precision": "fp32", "threads": 2,
        "batch": "11 examples", "epochs": 3, "seed": 0,
        "seconds": {"imports": 5.0, "train": train, "evaluate": 1.0, "answers": 4.0,
                    "whole": train + 12.0},
        "tokens": {"train": 120_000, "padding": 40_000, "answers": 800}, "steps": 9, "loss": 1.25,
        "flops": 2e12, "bytes": 1e10, "taken": TAKEN,
    }  # fmt: skip
    return Measurement(**(content | more))


def test_the_collate_pads_with_the_end_and_leaves_prompt_and_pads_out_of_the_loss() -> None:
    inputs, targets = collate([SHORT, LONG], end=9)
    assert inputs == [[5, 6, 9, 9], [1, 2, 3, 4]]
    assert targets == [[-100, 9, -100, -100], [-100, 3, 4, 9]]


def test_the_rate_rises_falls_and_ends_above_nothing() -> None:
    assert [round(rate(step, 5, RECIPE), 3) for step in range(5)] == [0.5, 1.0, 0.75, 0.5, 0.25]


def test_logits_of_the_text_books_model_are_ours(tmp_path: Path) -> None:
    model = toy()
    export(model, BPE, tmp_path)
    ids = torch.randint(0, BPE.size, (2, 40), generator=torch.Generator().manual_seed(0))
    ours = copy.deepcopy(model).double()
    with torch.no_grad():
        expected = (ours(ids.flatten(), Layout(*ids.shape)) @ ours.head.T).view(2, 40, -1)
        assert (load(tmp_path).double()(ids) - expected).abs().max() <= 1e-9


def test_the_text_books_answers_are_of_the_asked_length_and_end_at_the_end(tmp_path: Path) -> None:
    export(toy(), BPE, tmp_path)
    model = load(tmp_path)
    with torch.no_grad():
        chosen = int(model(torch.tensor([[1, 2, 3]]))[0, -1].argmax())
    assert answer(model, [[1, 2, 3]], end=chosen, limit=4, least=0) == 0
    assert answer(model, [[1, 2, 3]], end=chosen, limit=4, least=4) == 4


def test_the_held_out_loss_is_that_of_responses_alone() -> None:
    """A model that knows the responses' first tokens and nothing else, of a vocabulary of 10."""

    def logits(ids: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(*ids.shape, 10)
        scores[0, 1, 3] = 1000.0  # the long one's first response token
        scores[:, 0] = torch.tensor([50.0] + [0.0] * 9)  # prompts, which must not count
        return scores

    expected = (0.0 + 2 * math.log(10) + math.log(10)) / 4
    assert held_out(logits, [LONG, SHORT], 9, "cpu") == pytest.approx(expected)


def test_a_work_comes_back_as_it_was_written(tmp_path: Path) -> None:
    work = small_work(tmp_path)
    works.write(work)
    assert works.read(tmp_path) == work
    assert (work.targets, work.weighted, work.prompts()) == (6, 4, [[1, 2]])


def test_what_is_prepared_is_what_the_harness_trains_on(tmp_path: Path) -> None:
    work = make("toy", tmp_path / "toy", None, None, [])
    assert works.read(tmp_path / "toy") == work
    assert (len(work.train), len(work.test), work.end) == (20, 8, BPE.end)
    assert all(item.ids[-1] == BPE.end for item in work.train)
    assert all(BPE.decode(asked).endswith("\n\n### Response:\n") for asked in work.prompts())
    config = json.loads((work.base / "config.json").read_text("utf-8"))
    assert (config["n_embd"], config["vocab_size"]) == (128, 8192)


def test_a_stand_in_has_the_lengths_of_the_real_records(tmp_path: Path) -> None:
    lines = write_records(tmp_path / "r.jsonl", 2000).read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    said = sorted(len(record["output"].split()) for record in records)
    assert len({record["instruction"] for record in records}) == 2000
    assert (said[0], said[-1]) == (1, 200) and 13 <= said[1000] <= 17 and 35 <= said[1400] <= 41


def test_arithmetic_of_a_small_work_counted_by_hand(tmp_path: Path) -> None:
    # 6 targets: 6·12·3·2²·6; pairs 2·3/2 + 4·5/2 = 13: 12·3·2·13; head 6·10·2·4.
    assert flops(small_work(tmp_path), CONFIG) == 5184 + 936 + 480
    assert flops(small_work(tmp_path, epochs=3), CONFIG) == 3 * 6600
    assert parameters(CONFIG) == (10 + 7) * 2 + 3 * (12 * 4 + 13 * 2) + 2 * 2


def test_a_record_takes_the_place_of_the_one_with_its_key() -> None:
    records = Records(machine="M", cores=2)
    for train in (10.0, 20.0):
        records.add(measurement("ours", train))
        records.add(measurement("trl", 3 * train))
    assert [m.seconds["train"] for m in records.measurements] == [20.0, 60.0]


def test_a_command_is_cut_at_its_first_begin_and_its_last_end(tmp_path: Path) -> None:
    for name, began, ended in (("a", 107.0, 110.0), ("b", 108.0, 130.0)):
        (tmp_path / name).mkdir()
        for file, time in (("config.yaml", began), ("result.json", ended)):
            (tmp_path / name / file).write_text("")
            os.utime(tmp_path / name / file, (time, time))
    found = phases(100.0, 133.0, list(tmp_path.glob("*/result.json")))
    assert found == {"start": 7.0, "runs": 23.0, "report": 3.0, "whole": 33.0}


def test_many_runs_are_masks_times_seeds() -> None:
    every = len(masks())
    assert overrides(2) == [f"mask={','.join(masks()[:2])}", "seed=0"]
    assert overrides(every + 1) == [f"mask={','.join(masks())}", "seed=0,1"]


def test_the_line_through_three_commands() -> None:
    start, slope, missed = performance.line([100, 300, 1000], [13.0, 19.0, 40.0])
    assert (start, slope) == pytest.approx((10.0, 0.03)) and missed < 1e-9


def test_shares_of_the_floor_and_ratios_stand_in_the_page() -> None:
    floor = Floor(threads=2, matmul={"fp32": 1e11, "bf16": 2e11}, bandwidth=1e10, taken=TAKEN)
    records = Records(machine="M", cores=2, floors=[floor])
    records.add(measurement("ours", 30.0))
    records.add(measurement("TRL", 120.0, loss=1.5))
    records.add(measurement("answers", 0.0, steps=0, loss=None))
    records.add(Sweep(part="runs", work="nano", command="", runs=1000,
                      seconds={"start": 5.0, "runs": 80.0, "report": 15.0, "whole": 100.0},
                      phases={}, flops=2e12, bytes=1e11, taken=TAKEN))  # fmt: skip
    text = performance.page([records])
    # Floor: 2e12 / 1e11 + 1e10 / 1e10 = 21 s.
    assert (
        "| ours | fp32 | 11 examples | 3 | 42 | 7 | 30 | 4,000 | - | 70 % | 25 % | 4 | 800 "
        "| 1.250 |" in text
    )
    assert "| TRL | fp32 | 11 examples | 3 | 132 | 7 | 120 | 1,000 | 4.0× | 18 % |" in text
    assert "| answers | fp32 | 800 | 4 | 200 |" in text
    assert "| 1,000 | 100 | 5 | 80 | 15 | 20 % |" in text
    assert "2026-11-24, commit abc1234, torch 2.13.0." in text


def test_the_page_is_made_from_the_records() -> None:
    assert performance.PAGE.read_text("utf-8") == performance.whole()


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.0123"), (7.0, "7"), (123.4, "123"), (269_412.0, "269,000")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert performance.number(value) == text


@pytest.mark.parametrize("driver", [cpu, gpu], ids=["cpu", "gpu"])
def test_parts_have_names_of_their_own_and_modules_that_exist(driver: ModuleType) -> None:
    parts = driver.PARTS
    assert len({part.name for part in parts}) == len(parts)
    for part in parts:
        assert importlib.util.find_spec(f"tests.benchmarks.{part.module}"), part.name
        assert bool(part.work) == (part.module != "floor")


def test_a_part_that_fails_or_lasts_too_long_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(PartError, match=f"^exit code 1: no; all of it in {log}$"):
        call([sys.executable, "-c", "raise SystemExit('no')"], 60, log)
    with pytest.raises(PartError, match=r"^above 0.2 s, given up$"):
        call([sys.executable, "-c", "import time; time.sleep(60)"], 0.2, log)


def test_a_processor_is_named_with_its_bf16_units(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model name\t: Some 9000\nflags\t\t: fpu avx512_bf16 amx_bf16\n")
    assert processor(info) == "Some 9000 (AVX-512 bf16, AMX)"
    info.write_text("model name\t: Some 10\nflags\t\t: fpu avx2\n")
    assert processor(info) == "Some 10 (no bf16 units)"


@pytest.mark.slow
def test_a_rehearsal_leaves_records_from_which_a_page_is_made(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.cpu", "--toy", "--out", str(tmp_path)]
    parts = ["floor", "ours", "from-scratch", "answers-ours", "runs-nano-100"]
    done = subprocess.run([*command, "--parts", *parts], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    (records,) = performance.kept(tmp_path)
    assert [m.part for m in records.measurements] == ["ours", "from-scratch", "answers-ours"]
    assert records.measurements[0].tokens["train"] == 973
    assert [s.runs for s in records.sweeps] == [3]
    assert performance.page([records]).count("\n### ") == 4
