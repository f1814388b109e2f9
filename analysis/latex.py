r"""Tables in LaTeX, to `\input` as they are; they need the packages booktabs and graphicx."""

from __future__ import annotations

import pandas as pd

MEANING = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "…": r"\ldots{}",
}
"""Characters that mean something to LaTeX, or that its older engines do not know."""


FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Shrinks what is wider than the page, and nothing else."""


def escaped(text: str) -> str:
    """A text that LaTeX prints as it is."""
    return "".join(MEANING.get(character, character) for character in text)


def table(frame: pd.DataFrame, caption: str) -> str:
    """A frame of text as a table: names to the left, figures to the right.

    Args:
        frame: cells as they are to be read.
        caption: above the table.
    """
    kinds = "".join("r" if _figures(frame[name]) else "l" for name in frame.columns)
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escaped(caption)}}}",
        FIT,
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        _row(map(str, frame.columns)),
        r"\midrule",
        *(_row(map(str, row)) for row in frame.to_numpy().tolist()),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: map[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"


def _figures(column: pd.Series) -> bool:
    """Whether a column holds figures: each cell begins with a digit, a sign or a point."""
    filled = column[column != ""]
    return not filled.empty and bool(filled.str.match(r"[+−\-.<–\d]").all())
