"""Figures of many masks: told apart, named in full, and losses of the same examples on a curve."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import drawing, figures
from analysis.plots import style
from analysis.plots.training import same_examples
from analysis.study import Study, study
from harness.paths import CONF
from tests import fakes

MASKS = [f"mask_with_a_rather_long_name_{place}" for place in range(19)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A sweep of twenty masks."""
    folder = tmp_path_factory.mktemp("runs") / "many"
    fakes.write_sweep(folder, masks=["full", *MASKS], sizes=(100,), seeds=(0, 1), prompts=2)
    return study([folder])


def test_sixty_four_arms_have_sixty_four_looks() -> None:
    looks = style.looks([str(place) for place in range(64)])
    assert len(set(looks.values())) == 64
    assert len(list((CONF / "mask").glob("*.yaml"))) < 64


@pytest.mark.parametrize("name", ["main", "delta", "forest"])
@pytest.mark.parametrize("width", [style.WIDE, style.COLUMN])
def test_every_label_of_many_masks_lies_within_the_figure(
    many: Study, name: str, width: float
) -> None:
    with style.style(width):
        figure = figures.FIGURES[name].draw(many)
        figure.draw_without_rendering()
        whole = figure.bbox
        texts = [text for legend in figure.legends for text in legend.get_texts()]
        for axes in figure.axes:
            texts += [axes.yaxis.label, axes.xaxis.label, axes.title]
            texts += [tick for tick in axes.get_yticklabels() if tick.get_text() in MASKS]
        shown = [text for text in texts if text.get_text()]
        assert len(shown) > 19
        for text in shown:
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.y0 >= -1, text.get_text()
            assert box.x1 <= whole.x1 + 1 and box.y1 <= whole.y1 + 1, text.get_text()
        # What the legend takes does not come out of the panels.
        assert figure.axes[0].bbox.height > 1.2 * figure.dpi


def test_points_of_one_size_stand_apart_and_on_the_axis() -> None:
    for count in (2, 18, 64):
        places = [style.dodge([100], place, count) for place in range(count)]
        assert 0.5 < places[0] <= places[-1] < 2  # `size_axis` shows from half to twice a lone size
    apart = math.log(style.dodge([100], 17, 18) / style.dodge([100], 0, 18))
    assert apart == pytest.approx(1.08)


def test_a_curve_is_of_the_examples_that_most_evaluations_used() -> None:
    frame = pd.DataFrame(
        {
            "row": [0] * 4 + [1] * 2,
            "split": "test",
            "step": [0, 1, 2, 3, 0, 3],
            "tokens": [400, 100, 100, 400, 400, 400],
            "nll": 1.0,
        }
    )
    # Two and two: the larger set. One set alone: all of it.
    assert same_examples(frame)["step"].tolist() == [0, 3, 0, 3]
    more = pd.concat([frame, pd.DataFrame([{**frame.iloc[1].to_dict(), "step": 9}])])
    assert same_examples(more)["step"].tolist() == [1, 2, 0, 3, 9]


def test_a_process_that_dies_while_it_draws_costs_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpid()

    def deadly(_: Study) -> Figure:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return Figure()

    entries = {name: figures.Entry(name, "", deadly) for name in ("a", "b")}
    monkeypatch.setattr(drawing, "FIGURES", entries)
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    drawn, unfit = drawing.draw(study([fakes.write_sweep(tmp_path / "s", sizes=(100,), prompts=4)]))
    assert set(drawn) == {"a", "b"} and not unfit
