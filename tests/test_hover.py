"""What the points of curves say under the pointer."""

from __future__ import annotations

import re

import pandas as pd

from analysis.drawing import _files
from analysis.plots import hover
from analysis.plots.training import learning_curves

SAID = r'<circle cx="([\d.]+)" cy="([\d.]+)" r="5" .*?><title>(.*?)</title></circle>'


def curves() -> pd.DataFrame:
    rows = [
        {"condition": "", "n_examples": 100, "split": "test", "role": "answer", "arm": arm,
         "row": row, "step": step, "epoch": float(step), "nll": nll}
        for row, (arm, nlls) in enumerate({"full": (4.0, 1.5), "a<b>": (4.0, 2.25)}.items())
        for step, nll in enumerate(nlls)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_each_marker_says_arm_value_and_place() -> None:
    figure = learning_curves(curves(), ["full", "a<b>"], [("", 100)], ["answer"])
    files = _files(figure, ["svg"])
    said = re.findall(SAID, files["svg"].decode())
    assert [text for _, _, text in said] == [
        "full, answer, NLL by epoch: 4 at 0", "full, answer, NLL by epoch: 1.5 at 1",
        "a&lt;b&gt;, answer, NLL by epoch: 4 at 0", "a&lt;b&gt;, answer, NLL by epoch: 2.25 at 1",
    ]  # fmt: skip
    places = [(float(x), float(y)) for x, y, _ in said]
    assert places[0] == places[2] and places[1][0] == places[3][0]
    assert places[0][1] < places[3][1] < places[1][1]  # down the page as the loss falls


def test_many_points_say_nothing() -> None:
    figure = learning_curves(curves(), ["full", "a<b>"], [("", 100)], ["answer"])
    for line in figure.axes[0].lines:
        line.set_data(range(hover.MOST), range(hover.MOST))
    assert b"<circle" not in _files(figure, ["svg"])["svg"]
