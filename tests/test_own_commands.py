"""The commands beside runs with models of transformers: each works, or refuses in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from harness.__main__ import main
from harness.data.tokens import tokenizer_of
from harness.models.own import OwnModel
from harness.records import ADAPTER, RESPONSES, ResponseRecord
from harness.records.storage import read_jsonl
from harness.run.execute import execute
from harness.run.identity import Cell
from harness.run.trained import open_model
from harness.run.warm import Warm
from tests.own_models import BOS, END, opening_spec, own_cell, path_of, write_model, write_tokenizer
from tests.tiny import run_of

Capture = pytest.CaptureFixture[str]

SMALL = ("data.size=4", "data.validation=0", "data.test=2", "score.train_examples=2")
LORA = ("train.adapter=lora", "train.lora.rank=2", "train.lora.alpha=8", "train.lr=0.1")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a soft cap, and a tokenizer that begins each text with <bos>."""
    folder = write_model(tmp_path_factory.mktemp("gemma") / "model", "gemma2")
    made = opening_spec()
    write_tokenizer(folder, made)
    return folder


@pytest.fixture(scope="module", params=["none", "lora"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """A run that kept its weights, or its adapters."""
    folder = tmp_path_factory.mktemp(request.param)
    settings = LORA if request.param == "lora" else ("train.lr=1e-2",)
    model = write_model(folder / "model", "llama")
    cell = own_cell(folder, model, *SMALL, *settings, "save_weights=true")
    execute(cell, lambda phase, share: None, Warm())
    return cell


def loaded(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def asked(folder: Path, *more: str) -> list[str]:
    return ["model=hf", f"model.path={folder}", "model.context=64", *more]


def test_a_base_goes_on_with_a_text_as_transformers_does(gemma: Path, capsys: Capture) -> None:
    text = "The river rose in the night, and"
    tokenizer = tokenizer_of(run_of(*asked(gemma)).model)
    ids = [BOS, *tokenizer.encode(text)]
    theirs = loaded(gemma).generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        max_new_tokens=8, do_sample=False, eos_token_id=END, pad_token_id=END,
    )[0, len(ids) :].tolist()  # fmt: skip
    assert main(["generate", *asked(gemma, f"prompt={text}", "tokens=8")]) == 0
    assert capsys.readouterr().out == f"{text}{tokenizer.decode(theirs)}\n"


def test_a_run_answers_as_it_did_then(kept: Cell, capsys: Capture) -> None:
    records = list(read_jsonl(kept.folder / RESPONSES, ResponseRecord))
    assert len(records) == 2
    for record in records:
        said = record.prompt.split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
        instruction, _, about = said.partition("\n\n")
        arguments = [f"run={kept.folder}", f"prompt={instruction}", f"input={about}", "tokens=6"]
        assert main(["generate", *arguments]) == 0
        assert capsys.readouterr().out == f"{record.response}\n"


def test_an_exported_run_is_what_transformers_reads(kept: Cell, tmp_path: Path) -> None:
    assert main(["export", f"run={kept.folder}", f"out={tmp_path / 'out'}"]) == 0
    ids = torch.arange(40)[None]
    with torch.no_grad():
        found = loaded(tmp_path / "out")(ids).logits
        ours = open_model(kept.run.model, str(kept.folder)).model
        assert isinstance(ours, OwnModel)
        assert (found - ours.theirs(ids).logits).abs().max() <= 1e-5
        base = loaded(Path(path_of(kept)))
        assert (found - base(ids).logits).abs().max() > 1e-2
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.chat_template and tokenizer.encode("<|im_end|>") == [END]
    assert not (tmp_path / "out" / ADAPTER).exists()


TEXTS = ["One day the boy went home, and there he stayed for good." * 8, "Then it rained."]


def assessed(folder: Path, *arguments: str) -> Any:
    """What `harness assess` writes of two texts."""
    (folder / "valid.txt").write_text("".join(f"{text}\n<|endoftext|>\n" for text in TEXTS))
    out = folder / "out.json"
    settings = [f"valid={folder / 'valid.txt'}", f"out={out}", "device=cpu"]
    assert main(["assess", *arguments, *settings]) == 0
    return json.loads(out.read_text())


def nats_of(model: Any, ids: list[int], opening: list[int], context: int) -> float:
    """Σ −log p by transformers, in windows of the context, what opens each included."""
    nats, room = 0.0, context - len(opening)
    with torch.no_grad():
        for start in range(0, len(ids), room):
            row = torch.tensor([*opening, *ids[start : start + room]])
            logits = model(row[None]).logits[0, :-1]
            nats += float(torch.nn.functional.cross_entropy(logits, row[1:], reduction="sum"))
    return nats


def test_the_held_out_loss_of_a_base_is_transformers(gemma: Path, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(run_of(*asked(gemma)).model)
    ids = [token for text in TEXTS for token in (*tokenizer.encode(text), END)]
    theirs = loaded(gemma)
    nats = nats_of(theirs, ids, [BOS], 64)
    found = assessed(tmp_path, *asked(gemma))
    assert found["held_out"]["tokens"] == len(ids)
    assert found["held_out"]["nats"] == pytest.approx(nats, rel=1e-5)
    size = sum(map(len, TEXTS))
    assert found["held_out"]["bits_per_byte"] == pytest.approx(nats / size / math.log(2), rel=1e-5)
    assert found["weights"] == "model.safetensors" and found["model"] == "model"
    assert found["parameters"] == sum(each.numel() for each in theirs.parameters())


def test_the_held_out_loss_of_a_run_is_that_of_what_it_kept(kept: Cell, tmp_path: Path) -> None:
    assert main(["export", f"run={kept.folder}", f"out={tmp_path / 'theirs'}"]) == 0
    theirs = loaded(tmp_path / "theirs")
    tokenizer, context = tokenizer_of(kept.run.model), kept.run.model.context
    ids = [token for text in TEXTS for token in (*tokenizer.encode(text), END)]
    found = assessed(tmp_path, f"run={kept.folder}")
    nats = nats_of(theirs, ids, [], context)
    assert found["held_out"]["nats"] == pytest.approx(nats, rel=1e-5)
    base = assessed(tmp_path, *asked(Path(path_of(kept))), f"model.context={context}")
    assert abs(found["held_out"]["nats"] / base["held_out"]["nats"] - 1) > 1e-3
    assert found["run"] == str(kept.folder) and found["parameters"] == base["parameters"]
    adapters = kept.run.train.adapter == "lora"
    files = f"{base['weights']}, {ADAPTER}" if adapters else "model.safetensors"
    assert found["weights"] == files


def test_describe_and_audit_need_no_rate(gemma: Path, tmp_path: Path, capsys: Capture) -> None:
    own_cell(tmp_path, gemma, *SMALL)
    given = asked(gemma, f"data.path={tmp_path / 'records.jsonl'}", *SMALL, "n=1")
    for command, told in (("describe", "examples: "), ("audit", "whole training subset")):
        assert main([command, *given]) == 0
        assert told in capsys.readouterr().out
    assert main(given[:-1]) == 2
    assert "train.lr='auto': expected a number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "model=hf", "prompt=x"], "model.path='': expected a folder, a .gguf file"),
        (["export", "model=hf", "out=x"], "model.path='': expected a folder, a .gguf file"),
        (
            ["assess", "model=hf", "model.path=a/b/c", "valid=v.txt", "out=x"],
            "model.path=a/b/c: no such folder, expected a folder, a .gguf file or",
        ),
        (
            ["pretrain", "model=hf", "corpus=[v.txt]", "valid=v.txt", "out=x", "tokens=100"],
            "model=own: a model of transformers, expected a GPT of ours",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness {arguments[0]}: {message}"), line


def test_a_context_that_the_model_has_not_is_one_line(gemma: Path, capsys: Capture) -> None:
    assert main(["generate", "model=hf", f"model.path={gemma}", "prompt=x"]) == 2
    assert capsys.readouterr().err == (
        f"harness generate: model.context=1024: expected at most the 512 tokens that {gemma} "
        "takes\n"
    )


def test_adapters_of_another_model_are_one_line(
    kept: Cell, tmp_path: Path, capsys: Capture
) -> None:
    if not (kept.folder / ADAPTER).exists():
        pytest.skip("keeps whole weights")
    content = (kept.folder / "config.yaml").read_text()
    other = write_model(tmp_path / "other", "gpt_neox")
    for name in (ADAPTER, "adapter_config.json"):
        (tmp_path / name).write_bytes((kept.folder / name).read_bytes())
    (tmp_path / "config.yaml").write_text(content.replace(path_of(kept), str(other)))
    assert main(["generate", f"run={tmp_path}", "prompt=x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness generate: {tmp_path}: no adapters of {other} (")
