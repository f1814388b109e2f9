"""The model, its checkpoints and generation, against transformers and naive loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from harness.data.tokens import tokenizer_of
from harness.models import weights as checkpoint
from harness.models.gpt import GPT, Layout, Shape
from harness.models.stored import CheckpointError
from harness.paths import ASSETS
from harness.run.warm import Warm
from harness.train.decoding import generate
from tests.tiny import assemble, normalise, run_of, toy, unasked

SHAPE = Shape(layers=3, width=48, heads=4, vocabulary=211, context=64)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[GPT2LMHeadModel, Path]:
    """A random GPT-2 of transformers with weights large enough to tell layers apart, saved by
    it.
    """
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=211, n_positions=64, n_embd=48, n_layer=3, n_head=4)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("gpt2")
    model.save_pretrained(folder)
    return model, folder


def logits(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        flat: torch.Tensor = model(ids.flatten(), Layout(*ids.shape)) @ model.head.T
    return flat.view(*ids.shape, -1)


def test_logits_agree_with_transformers(reference: tuple[GPT2LMHeadModel, Path]) -> None:
    theirs, folder = reference
    ours = checkpoint.load(checkpoint.find(str(folder), "gpt2"), SHAPE)
    ids = torch.randint(0, 211, (4, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(ids).logits
    assert (logits(ours, ids) - expected).abs().max() < 1e-4


def test_greedy_generation_agrees_with_transformers(
    reference: tuple[GPT2LMHeadModel, Path],
) -> None:
    theirs, folder = reference
    generating: Any = theirs  # by its stub, `generate` is for a class that GPT-2's is not
    ours = checkpoint.load(checkpoint.find(str(folder), "gpt2"), SHAPE)
    prompts = [
        torch.randint(0, 211, (n,), generator=torch.Generator().manual_seed(n)).tolist()
        for n in (1, 7, 23, 24)
    ]
    expected = []
    for prompt in prompts:
        found = generating.generate(
            torch.tensor([prompt]),
            max_new_tokens=20,
            do_sample=False,
            eos_token_id=210,
            pad_token_id=210,
        )[0, len(prompt) :].tolist()
        expected.append(found[: found.index(210)] if 210 in found else found)
    assert generate(ours, prompts, 210, 20, 10_000, "fp32") == expected


@pytest.mark.parametrize("budget", [40, 90, 5000])
def test_cached_generation_equals_recomputing_everything(budget: int) -> None:
    model = toy(50, 40)
    generator = torch.Generator().manual_seed(3)
    prompts = [
        torch.randint(0, 50, (n,), generator=generator).tolist()
        for n in (1, 30, 12, 5, 5, 19, 40, 2)
    ]

    def naive(prompt: list[int]) -> list[int]:
        ids, said = list(prompt), list[int]()
        while len(said) < 20 and len(ids) <= 40:
            chosen = int(logits(model, torch.tensor([ids]))[0, -1].argmax())
            if chosen == 7:
                break
            said.append(chosen)
            ids.append(chosen)
        return said

    expected = [naive(prompt) for prompt in prompts]
    assert len({len(said) for said in expected}) > 3
    assert generate(model, prompts, 7, 20, budget, "fp32") == expected


def test_trap_23_a_model_that_learned_one_row_stops() -> None:
    from harness.data.examples import prepare_examples, weighted_rows
    from harness.data.rows import plan
    from harness.train.batch import is_response
    from harness.train.loss import weighted_loss

    run = run_of("data.size=1", "model=nano")
    item = prepare_examples(run).train[0]
    row = weighted_rows([item], run, unasked)[0]
    model = Warm().model(run)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(25):
        rows, denominator = normalise([row], "joint")
        batch = assemble(rows)
        hidden = model(batch.inputs, batch.layout)
        loss = weighted_loss(
            hidden, model.head, batch.targets, batch.weights, ~is_response(batch.roles)
        )
        (loss.total / denominator).backward()
        optimizer.step()
        optimizer.zero_grad()
    tokenizer = tokenizer_of(run.model)
    found = generate(
        model, [item.tokens.ids[: item.prompt].tolist()], tokenizer.end, 60, 4096, "fp32"
    )
    assert tokenizer.decode(found[0]) == item.example.response
    assert plan([5], 10, 1, 0) == [[0]]


def test_weights_survive_a_round_trip(tmp_path: Path) -> None:
    model = toy(211, 64, width=48)
    checkpoint.save(model.of_run(0), tmp_path / "m.safetensors", torch.float32, {})
    again = checkpoint.load(tmp_path / "m.safetensors", model.shape)
    assert checkpoint.digest(again) == checkpoint.digest(model)


@pytest.mark.parametrize("name", ["nano", "micro"])
def test_shipped_weights_load_and_know_english(name: str) -> None:
    """A uniform guess would cost 9.01 nats a token."""

    model = Warm().model(run_of(f"model={name}"))
    assert isinstance(model, GPT)
    ids = torch.tensor(
        [
            tokenizer_of(run_of(f"model={name}").model).encode(
                "The man went into the house and sat down."
            )
        ]
    )
    nll = torch.nn.functional.cross_entropy(logits(model, ids)[0, :-1], ids[0, 1:])
    assert 1.0 < float(nll) < 4.0


def test_faulty_checkpoints_are_one_line_each(tmp_path: Path) -> None:
    model = toy(211, 64, width=48)
    path = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match=r"no file .*m.safetensors, expected a folder"):
        checkpoint.find(str(path), "x")
    checkpoint.save(model.of_run(0), path, torch.float32, {})
    wider = Shape(layers=2, width=64, heads=4, vocabulary=211, context=64)
    with pytest.raises(CheckpointError, match=r"model.width is 48 there, expected 64"):
        checkpoint.load(path, wider)
    deeper = Shape(layers=3, width=48, heads=4, vocabulary=211, context=64)
    with pytest.raises(CheckpointError, match=r"model.layers is 2 there, expected 3"):
        checkpoint.load(path, deeper)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        checkpoint.load(path, model.shape)


def test_parameters_are_counted_right() -> None:
    model = toy()
    assert model.shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert {file.stem for file in ASSETS.glob("*.safetensors")} >= {"nano", "micro"}
