"""Our Muon against torch's, and what orthogonalising must do."""

from __future__ import annotations

import torch

from harness.bases.muon import Muon, orthogonalize

SHAPES = [(12, 4), (4, 4), (16, 4), (4, 16), (12, 4), (16, 4)]


def matrices() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def test_steps_equal_those_of_torch() -> None:
    ours, theirs = matrices(), matrices()
    mine = Muon(ours, lr=0.02, weight_decay=0.1)
    reference = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        mine.step()
        reference.step()
    moved = max((a - b).abs().max().item() for a, b in zip(ours, matrices(), strict=True))
    apart = max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))
    assert moved > 0.04 and apart < 1e-5


def test_a_matrix_without_gradient_stays() -> None:
    ours = matrices()
    ours[1].grad = torch.ones_like(ours[1])
    Muon(ours, lr=0.02, weight_decay=0.1).step()
    changed = [not torch.equal(a, b) for a, b in zip(ours, matrices(), strict=True)]
    assert changed == [False, True, False, False, False, False]


def test_singular_values_come_near_one() -> None:
    for shape in ((3, 8, 32), (3, 32, 8)):
        stretched = (
            torch.randn(shape, generator=torch.Generator().manual_seed(2))
            * torch.tensor([0.01, 1, 100])[:, None, None]
        )
        values = torch.linalg.svdvals(orthogonalize(stretched).float())
        assert values.min() > 0.4 and values.max() < 1.6
