"""TRL trains with our masks: its labels and its loss are ours, as docs/library.md has it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import harness
from tests.own_models import write_model
from tests.test_library import blocks, write_chats

pytest.importorskip("trl", reason="needs the extra peers")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_model(tmp_path / "my-model", "llama")
    write_chats(tmp_path / "chats.jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_block_of_the_page_trains_on_our_labels(here: Path) -> None:
    block = blocks()["Our masks in TRL"]
    assert len(block.strip().splitlines()) <= 15
    scope: dict[str, Any] = {}
    exec(block, scope)
    trainer, chats = scope["trainer"], scope["chats"]
    expected = harness.weigh_all(chats, "partial", tokenizer="my-model")
    batch = trainer.data_collator(list(trainer.train_dataset))
    for number, (ids, weights, _) in enumerate(expected):
        labels = batch["labels"][number, : len(ids)].tolist()
        assert batch["input_ids"][number, : len(ids)].tolist() == ids
        assert labels == [i if w else -100 for i, w in zip(ids, weights, strict=True)]
        assert set(batch["labels"][number, len(ids) :].tolist()) <= {-100}
    assert trainer.state.global_step == 3  # epochs, of one batch each
    assert any(0 < sum(weights) < len(weights) - 1 for _, weights, _ in expected)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_graded_masks_loss_and_gradient_are_those_of_the_formula(
    here: Path, accumulated: int
) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained("my-model")
    chats = write_chats(here / "chats.jsonl")
    rows = harness.to_trl(chats, "prompt_weight", tokenizer=tokenizer, graded=True)
    config = SFTConfig(
        "out", report_to=[], use_cpu=True, bf16=False, max_steps=1, learning_rate=1.0,
        optim="sgd", lr_scheduler_type="constant", logging_steps=1, max_grad_norm=0.0,
        per_device_train_batch_size=4 // accumulated, gradient_accumulation_steps=accumulated,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained("my-model")
    trainer = harness.weighted_trainer(SFTTrainer)(
        model, config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )
    trainer.train()
    ours = AutoModelForCausalLM.from_pretrained("my-model")
    total, weight = torch.zeros(()), 0.0
    for row in rows:
        ids, own = torch.tensor(row["input_ids"]), torch.tensor(row["weights"])
        logits = ours(ids[None]).logits[0, :-1]
        nats = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
        total = total + (own[1:] * nats).sum()
        weight += float(own[1:].sum())
    loss = total / weight
    assert trainer.state.log_history[0]["loss"] == pytest.approx(loss.item(), abs=1e-4)
    loss.backward()
    for (name, trained), begun in zip(model.named_parameters(), ours.parameters(), strict=True):
        assert begun.grad is not None
        torch.testing.assert_close(trained, begun - begun.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_a_trainer_that_would_drop_the_weights_is_refused(here: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = harness.to_trl(
        write_chats(here / "chats.jsonl"), "prompt_weight", tokenizer="my-model", graded=True
    )
    config = SFTConfig("out", report_to=[], use_cpu=True, bf16=False, packing=True, max_length=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="packing, padding_free: drop the weights"):
            harness.weighted_trainer(SFTTrainer)(
                "my-model", config, train_dataset=Dataset.from_list(rows)
            )
