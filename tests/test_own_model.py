"""Models of transformers: their losses and answers must be those that transformers has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn import functional

from harness.config.validate import ConfigError
from harness.data.examples import plain_rows, prepare_examples
from harness.data.own_files import ModelError
from harness.data.tokens import tokenizer_of
from harness.engine.cells import cells_of
from harness.engine.slots import stack_limit
from harness.models.own import OwnModel
from harness.models.own_loading import load_own
from harness.records import RESPONSES, WEIGHTS, ResponseRecord
from harness.records.roles import ROLES
from harness.records.storage import read_jsonl
from harness.run.execute import execute
from harness.run.identity import Cell
from harness.run.warm import Warm
from harness.train.decoding import generate
from harness.train.evaluate import evaluate
from harness.train.loop import weighted_sum
from tests.own_models import FAMILIES, own_cell, path_of, write_model
from tests.tiny import assemble, run_of


@pytest.fixture(scope="module", params=FAMILIES)
def cell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    folder = tmp_path_factory.mktemp(request.param)
    return own_cell(folder, write_model(folder / "model", request.param))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("llama") / "model", "llama")


@pytest.fixture(scope="module")
def theirs(cell: Cell) -> Any:
    """The model as transformers loads it."""
    kind = transformers.AutoModelForCausalLM
    return kind.from_pretrained(path_of(cell), dtype=torch.float32).eval()


def test_the_loss_of_each_role_is_transformers(cell: Cell, theirs: Any) -> None:
    items = prepare_examples(cell.run).test
    nats: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    with torch.no_grad():
        for item in items:
            ids = torch.from_numpy(item.tokens.ids).long()
            losses = functional.cross_entropy(
                theirs(ids[None]).logits[0, :-1], ids[1:], reduction="none"
            )
            for role, loss in zip(item.tokens.roles[1:], losses.tolist(), strict=True):
                nats[ROLES[role]] += loss
                counts[ROLES[role]] += 1
    model = Warm().model(cell.run)
    for batch_tokens in (1, 400):
        found = evaluate(model, plain_rows(items), batch_tokens, "fp32").roles
        assert {role: loss.tokens for role, loss in found.items()} == counts
        for role, loss in found.items():
            assert loss.nats / loss.tokens == pytest.approx(nats[role] / counts[role], abs=1e-5)
    assert set(counts) == {"template", "instruction", "input", "response", "end"}


def test_gradients_of_a_weighted_loss_are_transformers(cell: Cell, theirs: Any) -> None:
    items = prepare_examples(cell.run).train[:3]
    rows = [
        row._replace(weights=((row.roles >= 5) * 0.5 + (row.roles == 2)).astype("float32"))
        for row in plain_rows(items)
    ]
    total = torch.zeros(())
    for row in rows:
        ids = torch.from_numpy(row.inputs).long()
        targets = torch.from_numpy(row.targets).long()
        losses = functional.cross_entropy(theirs(ids[None]).logits[0], targets, reduction="none")
        total = total + (losses * torch.from_numpy(row.weights)).sum()
    total.backward()
    model = Warm().model(cell.run)
    loss = weighted_sum(model, assemble(rows), "fp32").total
    loss.backward()
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    expected = dict(theirs.named_parameters())
    for name, parameter in model.named_parameters():
        wanted = expected[name].grad
        assert (parameter.grad is None) == (wanted is None), name
        if parameter.grad is not None:
            apart = (parameter.grad - wanted).norm()
            assert apart <= 1e-4 * wanted.norm(), name


def test_greedy_answers_are_those_of_generate(cell: Cell, theirs: Any) -> None:
    end = tokenizer_of(cell.run.model).end
    items = prepare_examples(cell.run).test
    prompts = [item.tokens.ids[: item.prompt].tolist() for item in items]
    prompts[1] = prompts[1][:7]
    expected = []
    for prompt in prompts:
        ids = theirs.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            max_new_tokens=24, do_sample=False, eos_token_id=end, pad_token_id=end,
        )[0, len(prompt) :].tolist()  # fmt: skip
        expected.append(ids[: ids.index(end)] if end in ids else ids)
    model = Warm().model(cell.run)
    for budget in (1, 10_000):  # prompt by prompt, and all together
        assert generate(model, prompts, end, 24, budget, "fp32") == expected
    assert len({tuple(ids) for ids in expected}) > 1


def test_a_run_trains_records_and_keeps_a_model_that_transformers_reads(
    tmp_path: Path, llama: Path
) -> None:
    warm = Warm()
    cells = [
        own_cell(tmp_path, llama, f"mask={mask}", "train.lr=1e-2", "save_weights=true")
        for mask in ("full", "none")
    ]
    results = [execute(cell, lambda phase, share: None, warm) for cell in cells]
    for cell, result in zip(cells, results, strict=True):
        assert cell.folder.name.startswith(f"{result.mask}-model-records-n8-s0-")
        assert result.nll["test"]["answer"] < result.nll["base"]["answer"] - 0.1
        assert result.nll["base"] == results[0].nll["base"]
        records = list(read_jsonl(cell.folder / RESPONSES, ResponseRecord))
        assert len(records) == 4 and records[0].prompt.endswith("<|im_start|>assistant\n")
        kept = own_cell(tmp_path, cell.folder)
        items = prepare_examples(cell.run).test
        again = evaluate(Warm().model(kept.run), plain_rows(items), 400, "fp32").roles
        nll = again["response"].nats / again["response"].tokens
        assert nll == pytest.approx(result.nll["test"]["response"], abs=1e-5)
        assert (cell.folder / WEIGHTS).is_file()
    assert results[0].fairness == results[1].fairness
    assert results[0].nll["test"] != results[1].nll["test"]


def test_a_warm_worker_gives_what_a_cold_one_does(tmp_path: Path, llama: Path) -> None:
    warm = Warm()
    first = own_cell(tmp_path, llama, "mask=none")
    execute(first, lambda phase, share: None, warm)
    second = own_cell(tmp_path, llama, "mask=full")
    results = [execute(second, lambda phase, share: None, each) for each in (warm, Warm())]
    assert results[0].nll == results[1].nll


def test_runs_of_such_a_model_are_never_stacked(
    tmp_path: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = own_cell(tmp_path, llama)
    monkeypatch.setattr("harness.engine.slots.gpu_memory", lambda: 80 << 30)
    assert stack_limit([cell.run] * 4, 1, 1) == 1
    for key in ("stack=2", "gpus=2"):
        with pytest.raises(ConfigError) as caught:
            run_of("model=hf", "model.path=a", "train.lr=1", key)
        assert caught.value.faults == [f"{key}: expected 1 with a model of transformers"]


def faulty(folder: Path, path: object, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        own_cell(folder, Path(str(path)), *overrides)
    (fault,) = caught.value.faults
    return fault.removesuffix(" (1 of 1 run)")


def test_what_is_no_model_is_one_line(tmp_path: Path, llama: Path) -> None:
    empty, pickled, code = (tmp_path / name for name in ("empty", "pickled", "code"))
    for folder in (empty, pickled, code):
        folder.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"")
    assert faulty(tmp_path, empty) == (
        f"model.path={empty}: no config.json and no .gguf file there, expected one model"
    )
    assert faulty(tmp_path, pickled) == (
        f"model.path={pickled}: no weights but pickled ones, expected .safetensors or .gguf"
    )
    assert faulty(tmp_path, "a/b/c/d") == (
        "model.path=a/b/c/d: no such folder, expected a folder, a .gguf file or "
        "owner/name[@revision] of the hub"
    )
    assert faulty(tmp_path, llama, "model.context=1024") == (
        f"model.context=1024: expected at most the 512 tokens that {llama} takes"
    )


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "llama")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(
        config.replace('"model_type": "llama"', '"model_type": "mine"')[:-2]
        + ', "auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}}'
    )
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    fault = faulty(tmp_path, folder)
    assert fault.startswith(f"model.path={folder}: ") and "\n" not in fault
    assert not (tmp_path / "ran").exists()


def test_a_model_that_scales_its_logits_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "cohere", num_key_value_heads=2, logit_scale=0.5)
    with pytest.raises(ModelError, match="cohere scales its logits"):
        load_own(str(folder), 64)


def test_the_model_is_the_workers_only_one(tmp_path: Path, llama: Path) -> None:
    cell, warm = own_cell(tmp_path, llama), Warm()
    one, other = warm.model(cell.run), warm.model(cell.run)
    assert isinstance(one, OwnModel) and one is other
    assert cells_of([cell.run])[0].identity == cell.identity
