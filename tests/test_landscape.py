"""The maps: cells in their places, nothing averaged that differs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis import figures, landscape
from analysis.fit import Unfit
from analysis.outcomes import PRIMARY, outcome
from analysis.plots import style
from analysis.study import Study, study
from harness import records
from tests import fakes

NLL = outcome(PRIMARY)


def write(folder: Path, prompt: int, epochs: int, mask: str, seed: int, **train: str) -> None:
    """A run whose prompts are `prompt` times as long as their responses."""
    settings = fakes.config("s", mask, "nano", 100, seed)
    settings["train"] |= {"epochs": epochs, **train}
    settings["data"]["prompt_words"] = prompt
    run = folder / f"{mask}-{prompt}-{epochs}-{seed}-{'-'.join(train.values())}"
    fakes.write_run(run, settings, lambda m, *_: prompt / 10 * (m == "none"), prompts=2, noise=0.0)
    path = run / records.RESULT
    content = json.loads(path.read_text()) | {"epochs": epochs, "identity": run.name}
    path.write_text(json.dumps(content))
    lines = []
    for line in (run / records.EVALS).read_text().splitlines():
        record = json.loads(line)
        for role in ("template", "instruction", "input"):
            record["roles"][role]["tokens"] = 6 * prompt
        lines.append(json.dumps(record))
    (run / records.EVALS).write_text("\n".join(lines))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two prompt lengths × two numbers of passes × two seeds."""
    folder = tmp_path_factory.mktemp("runs") / "s"
    for prompt in (1, 10):
        for epochs in (1, 10):
            for seed in (0, 1):
                write(folder, prompt, epochs, "full", seed)
                write(folder, prompt, epochs, "none", seed)
    return study([folder])


def test_cells_lie_at_their_passes_and_ratio(grid: Study) -> None:
    cells = landscape.cells(grid.pairs, grid.runs, NLL)
    where = {(row.epochs, row.ratio): row.delta for row in cells.itertuples()}
    assert where == {
        (1, 1.0): pytest.approx(0.1),
        (10, 1.0): pytest.approx(0.1),
        (1, 10.0): pytest.approx(1.0),
        (10, 10.0): pytest.approx(1.0),
    }
    assert set(cells["level"]) == {""}


def test_the_map_is_drawn_with_a_square_for_each_cell(grid: Study) -> None:
    with style.style():
        figure = figures.FIGURES["landscape"].draw(grid)
        figure.draw_without_rendering()
    squares = figure.axes[0].collections[-1]
    offsets = np.asarray(squares.get_offsets())
    assert sorted(map(tuple, offsets.tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_what_else_varies_is_never_averaged_into_a_map(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    for prompt in (1, 10):
        for epochs in (1, 10):
            for normalize in ("joint", "response"):
                for mask in ("full", "none"):
                    write(folder, prompt, epochs, mask, 0, normalize=normalize)
    cells = landscape.cells(study([folder]).pairs, study([folder]).runs, NLL)
    assert sorted(set(cells["level"])) == ["normalize joint", "normalize response"]
    assert len(cells) == 8


def test_a_sweep_of_one_length_has_no_map(tmp_path: Path) -> None:
    folder = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), prompts=2)
    with pytest.raises(Unfit, match="several numbers of passes and several length ratios"):
        figures.FIGURES["landscape"].draw(study([folder]))
