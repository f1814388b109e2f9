"""Export to and import from Hugging Face's format: transformers must see the same model and the
same tokens.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from harness.__main__ import main
from harness.data.byte_level import END
from harness.models import weights as checkpoint
from harness.models.exported import export_model
from harness.models.gpt import GPT, Layout, Shape
from harness.models.hugging_face import export
from harness.models.stored import CheckpointError
from harness.run.trained import open_model
from tests.tiny import BPE, run_of, toy

TRICKY = [
    "In 1999 she paid 12,345.67 for it.", "don't, we'll, they'VE, I'm; 'tis 'S",
    "  two  spaces\tand a tab ", "", "a\n\n\nb\r\nc\r\r",
    "naïve café Ångström e\u0301", "日本語と中文",
    "😀👩‍👩‍👧 flags 🇫🇷", "\x00\x01\x7f\x85\u2028\ufeff", "x = {'a': [1, 2]}; // ok?!",
    " \u00a0\u3000 ", "ſtraſſe İı ǅ", "١٢٣ ⅷ ²", "def f():\n    return 1\n", "�",
]  # fmt: skip


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> tuple[GPT, Path]:
    folder = tmp_path_factory.mktemp("nano")
    found = open_model(run_of("model=nano").model, "")
    export_model(found.model, found.tokenizer, folder)
    assert isinstance(found.model, GPT)
    return found.model, folder


@pytest.fixture(scope="module")
def theirs(nano: tuple[GPT, Path]) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(nano[1])


def logits(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        flat: torch.Tensor = model(ids.flatten(), Layout(*ids.shape)) @ model.head.T
    return flat.view(*ids.shape, -1)


def test_logits_of_transformers_are_ours_in_fp32(tmp_path: Path) -> None:
    model = toy()
    export(model, BPE, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert loaded.dtype == torch.float32 and loaded.config.eos_token_id == BPE.end
    ids = torch.randint(
        0, BPE.size, (3, model.shape.context), generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        assert (loaded(ids).logits - logits(model, ids)).abs().max() <= 1e-4


@pytest.mark.parametrize(
    ("name", "precision", "apart"),
    [
        ("nano", torch.float32, 1e-4), ("micro", torch.float32, 1e-4),
        ("mini", torch.float32, 1e-4), ("nano", torch.float64, 1e-10),
    ],
)  # fmt: skip
def test_logits_of_a_shipped_base_are_transformers(
    name: str, precision: torch.dtype, apart: float, tmp_path: Path
) -> None:
    found = open_model(run_of(f"model={name}").model, "")
    model = found.model
    assert isinstance(model, GPT)
    export_model(model, found.tokenizer, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=precision).eval()
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    ids = torch.tensor(BPE.encode(text)[:1024])[None]
    assert ids.numel() == model.shape.context
    with torch.no_grad():
        difference = (loaded(ids).logits - logits(model.to(precision), ids)).abs().max()
    assert difference <= apart


@pytest.mark.parametrize("text", TRICKY)
def test_ids_of_tricky_texts_are_ours(text: str, theirs: PreTrainedTokenizerBase) -> None:
    ids = theirs(text, add_special_tokens=False)["input_ids"]
    assert ids == BPE.encode(text)
    assert theirs.decode(ids) == BPE.decode(ids) == text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("aeinst 'sSlLmM\n\r\t0123 \u00a0é", max_size=40))
def test_ids_of_any_text_are_ours(theirs: PreTrainedTokenizerBase, text: str) -> None:
    if END not in text:
        assert theirs(text, add_special_tokens=False)["input_ids"] == BPE.encode(text)


def test_the_end_token_is_special_there(theirs: PreTrainedTokenizerBase) -> None:
    assert theirs.encode(END) == [BPE.end] and len(theirs) == BPE.size
    assert theirs(END, split_special_tokens=True)["input_ids"] == BPE.encode(END)
    assert theirs.decode([BPE.end, *BPE.encode("Hi")], skip_special_tokens=True) == "Hi"


def test_what_was_exported_comes_back_bit_for_bit(nano: tuple[GPT, Path]) -> None:
    model, folder = nano
    again = checkpoint.load(checkpoint.find(str(folder), "nano"), model.shape)
    assert checkpoint.digest(again) == checkpoint.digest(model)


def test_what_transformers_saves_again_comes_back(nano: tuple[GPT, Path], tmp_path: Path) -> None:
    model, folder = nano
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    loaded.save_pretrained(tmp_path)
    again = checkpoint.load(checkpoint.find(str(tmp_path), "nano"), model.shape)
    assert checkpoint.digest(again) == checkpoint.digest(model)  # nano is shipped in bf16


def test_another_shape_is_one_line_with_every_key(nano: tuple[GPT, Path]) -> None:
    path = checkpoint.find(str(nano[1]), "nano")
    other = Shape(layers=6, width=128, heads=8, vocabulary=BPE.size, context=1024)
    with pytest.raises(
        CheckpointError, match=r"config.json: n_layer is 4, expected 6, n_head is 4, expected 8$"
    ):
        checkpoint.load(path, other)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors.index.json"])
def test_other_files_of_weights_are_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=f"{name} there, expected one model.safetensors"):
        checkpoint.find(str(tmp_path), "x")


def test_a_broken_config_is_one_line(nano: tuple[GPT, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", "utf-8")
    with pytest.raises(CheckpointError, match=r"config.json: .*expected a JSON object"):
        checkpoint.check_config(tmp_path / "config.json", nano[0].shape)


def test_the_command_exports_and_names_its_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "model=nano", "out=x"]) == 0
    assert json.loads((tmp_path / "x" / "config.json").read_text())["n_embd"] == 128
    for arguments, message in (
        (
            ["model=nano", "model.weights=random", "out=y"],
            "model.weights=random: nano has no weights",
        ),
        (["model=nano"], "out: missing, expected out=VALUE"),
        (["model=nano", "ot=y"], "ot=y: no such key ot, did you mean out?"),
        (["run=nowhere", "out=y"], "run=nowhere: no config.yaml there"),
    ):
        capsys.readouterr()
        assert main(["export", *arguments]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and told.startswith(f"harness export: {message}"), told
