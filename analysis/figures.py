"""The figures by name: what each needs and says, and how they are written."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from analysis.effects import MARGINS
from analysis.pairs import CO_PRIMARY, PRIMARY
from analysis.plots import sizes, style, training
from analysis.study import Study

ROLES = ("template", "system", "instruction", "input", "user", "response", "end")
BEHAVIOUR = {
    "behaviour.ended": "ended by itself",
    "behaviour.echoed": "echoed the prompt",
    "behaviour.repeated": "repeated itself",
    "behaviour.empty": "empty",
    "behaviour.length": "length (tokens)",
}
DELTA_NLL = "Δ NLL (nats/token)"
MOST_CELLS = 12
"""Cells drawn along training; beyond, the smallest and largest size of each condition stand for the
rest.
"""


class Unfit(ValueError):
    """These runs do not have what a figure shows: one line why."""


class Entry(NamedTuple):
    """A figure of the report.

    Attributes:
        title: above it.
        caption: what it shows and how to read it.
        draw: makes it; raises `Unfit` where the runs do not have what it shows.
        column: whether it can also be drawn a paper's column wide, its panels one below the other,
            as phones need it.
    """

    title: str
    caption: str
    draw: Callable[[Study], Figure]
    column: bool = True


def main(study: Study) -> Figure:
    """Exact match and held-out response NLL by mask."""
    outcomes = {CO_PRIMARY: "exact match", PRIMARY: "held-out response NLL\n(nats/token)"}
    present = {name: label for name, label in outcomes.items() if _has(study.runs, name)}
    return sizes.by_mask(study.runs, study.arms, study.conditions, present, [CO_PRIMARY])


def behaviour(study: Study) -> Figure:
    """Rates of what responses do."""
    present = {name: label for name, label in BEHAVIOUR.items() if _has(study.runs, name)}
    if not present:
        raise Unfit("no run answered prompts")
    shares = [name for name in present if name != "behaviour.length"]
    return sizes.by_mask(study.runs, study.arms, study.conditions, present, shares)


def delta(study: Study) -> Figure:
    """Δ response NLL."""
    _need_pairs(study)
    return sizes.difference(
        study.pairs,
        study.effects[PRIMARY],
        study.trends,
        _others(study),
        _paired_conditions(study),
        PRIMARY,
        DELTA_NLL,
        MARGINS[PRIMARY],
    )


def delta_exact(study: Study) -> Figure:
    """Δ exact match."""
    _need_pairs(study)
    if study.effects[CO_PRIMARY].empty:
        raise Unfit("exact match was not scored")
    return sizes.difference(
        study.pairs,
        study.effects[CO_PRIMARY],
        pd.DataFrame(),
        _others(study),
        _paired_conditions(study),
        CO_PRIMARY,
        "Δ exact match",
        MARGINS[CO_PRIMARY],
    )


def heat_map(study: Study) -> Figure:
    """Δ over model × training size."""
    _need_pairs(study)
    conditions = _paired_conditions(study)
    if len(conditions) < 2 or study.pairs["n_examples"].nunique() < 2:
        raise Unfit("needs two models (or other conditions) and two training sizes")
    return sizes.heat_map(study.effects[PRIMARY], _others(study), conditions, DELTA_NLL, False)


def ratio(study: Study) -> Figure:
    """Δ against prompt/response length ratio."""
    _need_pairs(study)
    if "length.ratio" not in study.pairs or study.pairs["length.ratio"].round(2).nunique() < 2:
        raise Unfit("the length ratio does not vary")
    return sizes.against_ratio(study.pairs, _others(study), PRIMARY, DELTA_NLL, MARGINS[PRIMARY])


def learning_curves(study: Study) -> Figure:
    """Held-out NLL per role along training."""
    curves = study.curves[0]
    if curves.empty:
        raise Unfit("no run has readable evaluations")
    roles = [role for role in ROLES if role in set(curves["role"])]
    return training.learning_curves(curves, study.arms, _cells(study), roles)


def mechanism(study: Study) -> Figure:
    """Held-out against training response NLL along training."""
    curves = study.curves[0]
    if not {"train", "test"} <= set(curves["split"]):
        raise Unfit("evaluations lack the training or the test set")
    return training.mechanism(curves, study.arms, _cells(study))


FIGURES: dict[str, Entry] = {
    "main": Entry(
        "Score and held-out loss by mask",
        "Exact match of generated responses (higher is better) and negative log-likelihood of the held-out responses "
        "(lower is better) against the number of training examples. Every seed is a point; lines join the means.",
        main,
    ),
    "delta": Entry(
        "What a mask gains over the baseline",
        "Δ = NLL(baseline) − NLL(arm) on the same held-out responses; above zero the arm is better. Points are seeds, "
        "bars 95 % intervals of the paired mean, the grey band is what counts as equal, diamonds are crossovers N* "
        "with their intervals.",
        delta,
    ),
    "delta_exact": Entry(
        "The same for exact match",
        "Exact match of the arm minus the baseline's on the same prompts; above zero the arm is better.",
        delta_exact,
    ),
    "heat_map": Entry(
        "Where a mask gains",
        "Δ response NLL over model (and whatever else varies) and training size. Orange: the baseline is better; "
        "purple: the arm. Bold: the 95 % interval excludes zero.",
        heat_map,
    ),
    "learning_curves": Entry(
        "Learning curves by role",
        "Held-out NLL of each role along training. Thin lines are seeds. Evaluations in mid-training may use fewer "
        "examples than those at the start and at the end.",
        learning_curves,
        column=False,
    ),
    "mechanism": Entry(
        "Regulariser, or only less training?",
        "Held-out against training response NLL along each run, from the base model at the top right. A curve below "
        "another at the same training loss regularises; one that runs on it and stops early has only trained less.",
        mechanism,
    ),
    "ratio": Entry(
        "Δ against the length ratio",
        "Δ response NLL against the measured ratio of prompt to answer length of the test examples.",
        ratio,
    ),
    "behaviour": Entry(
        "What responses do",
        "Share of responses that ended by themselves, echoed the prompt, repeated themselves or were empty, and their "
        "mean length, against training size.",
        behaviour,
    ),
}


def draw(
    study: Study, names: Sequence[str] = tuple(FIGURES)
) -> tuple[dict[str, dict[str, bytes]], dict[str, str]]:
    """Draw figures.

    Returns:
        Name -> kind (svg, png, pdf, and column.svg: a column wide) -> the file's bytes; and name ->
        why a figure was not drawn.
    """
    drawn, unfit = {}, {}
    for name in names:
        try:
            with style.style():
                drawn[name] = _files(FIGURES[name].draw(study))
            if FIGURES[name].column:
                with style.style(style.COLUMN):
                    drawn[name]["column.svg"] = _files(FIGURES[name].draw(study), ["svg"])["svg"]
        except Unfit as reason:
            unfit[name] = str(reason)
    return drawn, unfit


def write(drawn: dict[str, dict[str, bytes]], folder: Path) -> None:
    """Write drawn figures as `<name>.<kind>`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, formats in drawn.items():
        for kind, content in formats.items():
            (folder / f"{name}.{kind}").write_bytes(content)


UNDATED: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata of each format to leave out, so that the same runs give the same bytes."""


def _files(figure: Figure, kinds: Sequence[str] = tuple(UNDATED)) -> dict[str, bytes]:
    """A figure in each of these formats."""
    files = {}
    # The layout is solved once and serves all formats.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for kind in kinds:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=UNDATED[kind])
        files[kind] = buffer.getvalue()
    return files


def inline(svg: bytes, name: str) -> str:
    """An SVG to stand inside an HTML page, its ids made the figure's own so that two figures cannot
    share one.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    return re.sub(r"url\(#", f"url(#{name}-", text)


def _has(runs: pd.DataFrame, name: str) -> bool:
    return name in runs and bool(runs[name].notna().any())


def _others(study: Study) -> list[str]:
    return [arm for arm in study.arms if arm != study.baseline]


def _paired_conditions(study: Study) -> list[str]:
    return [
        condition for condition in study.conditions if condition in set(study.pairs["condition"])
    ]


def _need_pairs(study: Study) -> None:
    if study.pairs.empty:
        raise Unfit(f"no run has a fair partner of '{study.baseline}'")


def _cells(study: Study) -> list[tuple[str, int]]:
    """Conditions and sizes that were run, in order; only the ends of each condition where there are
    too many.
    """
    every = study.runs.groupby("condition")["n_examples"].unique()
    cells = [
        (condition, int(size))
        for condition in study.conditions
        for size in sorted(every[condition])
    ]
    if len(cells) <= MOST_CELLS:
        return cells
    return [
        (condition, size)
        for condition, size in cells
        if size in (min(every[condition]), max(every[condition]))
    ]
