"""LoRA on models of transformers: one frozen model, adapters alone trained and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peft
import pytest
import torch
import transformers

from harness.config.schema import Lora
from harness.config.validate import ConfigError
from harness.data.examples import plain_rows, prepare_examples
from harness.models.base import LanguageModel
from harness.models.own import OwnModel
from harness.records import ADAPTER, WEIGHTS
from harness.run.execute import execute
from harness.run.identity import Cell
from harness.run.warm import Warm
from harness.train.evaluate import evaluate
from tests.own_models import own_cell, write_model
from tests.tiny import run_of

LORA = ("train.adapter=lora", "train.lora.rank=2", "train.lora.alpha=8", "train.lr=0.1")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("llama") / "model", "llama")


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Cell:
    return own_cell(tmp_path_factory.mktemp("runs"), llama, *LORA, "save_weights=true")


def loss(model: LanguageModel, cell: Cell) -> float:
    rows = plain_rows(prepare_examples(cell.run).test)
    found = evaluate(model, rows, 400, "fp32").roles["response"]
    return found.nats / found.tokens


def frozen(model: OwnModel) -> Iterator[tuple[str, torch.Tensor]]:
    trained = {name for name, _ in model.named_parameters()}
    for name, parameter in model.theirs.named_parameters():
        if name not in trained:
            yield name, parameter.detach()


def test_adapters_alone_are_trained_on_every_linear_layer_but_the_head(cell: Cell) -> None:
    model = Warm().model(cell.run)
    modules = {name.rpartition(".lora_")[0] for name, _ in model.named_parameters()}
    attention = [f"self_attn.{part}_proj" for part in "qkvo"]
    others = [f"mlp.{part}_proj" for part in ("gate", "up", "down")]
    assert modules == {
        f"model.layers.{layer}.{name}" for layer in (0, 1) for name in (*attention, *others)
    }


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")
def test_a_run_begins_as_the_base_and_leaves_its_weights_alone(cell: Cell, llama: Path) -> None:
    whole = own_cell(cell.folder.parent.parent.parent, llama)
    base = loss(Warm().model(whole.run), whole)
    warm = Warm()
    model = warm.model(cell.run)
    assert isinstance(model, OwnModel)
    before = {name: tensor.clone() for name, tensor in frozen(model)}
    result = execute(cell, lambda phase, share: None, warm)
    assert result.nll["base"]["response"] == pytest.approx(base, abs=1e-6)
    assert result.nll["test"]["response"] < base - 0.02
    for name, tensor in frozen(model):
        assert torch.equal(tensor, before[name]), name
    theirs = transformers.AutoModelForCausalLM.from_pretrained(llama)
    kept = peft.PeftModel.from_pretrained(theirs, cell.folder)
    assert (cell.folder / ADAPTER).is_file() and not (cell.folder / WEIGHTS).exists()
    again = loss(OwnModel(kept.get_base_model(), str(llama), 256), cell)
    assert again == pytest.approx(result.nll["test"]["response"], abs=1e-5)


def test_all_arms_of_a_worker_share_the_frozen_model(tmp_path: Path, llama: Path) -> None:
    """Whatever mask, seed, rank: what comes first changes nothing in what comes next."""
    warm, models = Warm(), set()
    for settings in (("seed=1",), ("train.lora.rank=4",), ("mask=none",), ("mask=full",)):
        arm = own_cell(tmp_path, llama, *LORA, *settings)
        result = execute(arm, lambda phase, share: None, warm)
        model = warm.model(arm.run)
        assert isinstance(model, OwnModel)
        models.add(id(model.theirs))
    assert len(models) == 1
    cold = execute(arm, lambda phase, share: None, Warm())
    assert cold.nll == result.nll and cold.fairness == result.fairness


def test_first_weights_follow_the_seed_and_no_mask(tmp_path: Path, llama: Path) -> None:
    warm = Warm()
    digests = [
        warm.base(own_cell(tmp_path, llama, *LORA, *settings).run).digest
        for settings in (("seed=1",), ("mask=none",), ("mask=full",), ("train.lora.rank=4",))
    ]
    assert digests[1] == digests[2] and len(set(digests)) == 3


def test_rank_and_alpha_are_the_runs_and_others_keep_their_names(
    tmp_path: Path, llama: Path
) -> None:
    run = own_cell(tmp_path, llama, *LORA).run
    cells = [own_cell(tmp_path, llama, *LORA, f"train.lora.alpha={alpha}") for alpha in (8, 9)]
    assert cells[0].identity != cells[1].identity
    assert run.train.lora == Lora(rank=2, alpha=8, target="all-linear")
    plain = [own_cell(tmp_path, llama, f"train.lora.rank={rank}") for rank in (2, 3)]
    assert plain[0].identity == plain[1].identity != cells[0].identity


def test_what_cannot_be_adapted_is_one_line(tmp_path: Path, llama: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("train.adapter=lora")
    assert caught.value.faults == [
        "train.adapter='lora': expected none with model=micro, or a model of transformers, model=hf"
    ]
    cell = own_cell(tmp_path, llama, *LORA, "train.lora.target=[nowhere]")
    with pytest.raises(ValueError, match=r"train\.lora\.target=\['nowhere'\]: Target modules"):
        execute(cell, lambda phase, share: None, Warm())
