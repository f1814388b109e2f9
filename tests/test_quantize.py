"""Int8 weights: how far they may be off, that they load, and that a broken file is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.models import weights as checkpoint
from harness.models.quantize import dequantize, quantize, quantize_file
from harness.models.stored import CheckpointError
from tests.tiny import toy


def test_codes_and_scales_are_those_of_the_definition() -> None:
    matrix = torch.tensor([[1.27, -0.635, 0.014], [0.0, 0.0, 0.0]])
    stored = quantize({"a": matrix, "b": torch.tensor([0.5])})
    assert stored["a"].dtype == torch.int8 and stored["a"].tolist() == [[127, -64, 1], [0, 0, 0]]
    assert stored["a.scale"].tolist() == pytest.approx([0.01, 0.0])
    assert stored["b"].dtype == torch.bfloat16
    assert list(dequantize(stored)) == ["a", "b"]


def test_no_weight_is_off_by_more_than_half_a_step() -> None:
    matrix = (
        torch.randn(64, 48, generator=torch.Generator().manual_seed(0))
        * torch.logspace(-3, 2, 64)[:, None]
    )
    step = matrix.abs().amax(1) / 127
    found = dequantize(quantize({"m": matrix}))["m"]
    assert bool(((found - matrix).abs() <= 0.5001 * step[:, None]).all())


def test_a_quantised_file_loads_as_a_model(tmp_path: Path) -> None:
    model = toy(211, 64, width=48)
    plain, small = tmp_path / "m.safetensors", tmp_path / "m.safetensors.gz"
    checkpoint.save(model.of_run(0), plain, torch.bfloat16, {"tokenizer": "x"})
    assert quantize_file(plain, small) == (plain.stat().st_size, small.stat().st_size)
    first = small.read_bytes()
    quantize_file(plain, small)
    assert small.read_bytes() == first
    loaded = checkpoint.load(small, model.shape)
    expected = dequantize(
        quantize({name: p.detach().bfloat16() for name, p in model.named_parameters()})
    )
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, expected[name].float()), name
    small.write_bytes(first[:2000])
    with pytest.raises(CheckpointError, match=r"m.safetensors.gz: cannot be read as safetensors"):
        checkpoint.load(small, model.shape)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read as safetensors"),
        (b"torn", "cannot be read as safetensors"),
        ({"a": torch.tensor([[1, 2]])}, "a is torch.int64, expected floats"),
        ({"a": torch.tensor([[1.0, torch.nan]])}, "a holds NaN or infinity"),
        ({"model.norm.weight": torch.ones(2)}, "no tensor tokens.weight, expected"),
    ],
)
def test_what_cannot_be_quantised_is_one_line_and_writes_nothing(
    content: bytes | dict[str, torch.Tensor] | None, fault: str, tmp_path: Path
) -> None:
    path, out = tmp_path / "m.safetensors", tmp_path / "out.gz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file(content, path)
    with pytest.raises(ValueError, match=f"m.safetensors: {fault}") as caught:
        quantize_file(path, out)
    assert "\n" not in str(caught.value) and not out.exists()
