"""The figure of README and docs/results.md: Δ by the lowest rate to choose from, of the kept runs.

python sweeps/limits/figure.py docs/results/limits.parquet docs/figures/limits.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from analysis.map_figures import over_rates_of
from analysis.outcomes import PRIMARY, outcome
from analysis.plots import style
from analysis.rate_floor import floors
from analysis.study import study

SETS = {
    "pubmedqa": "PubMedQA",
    "t0_passages": "T0 reading",
    "alpaca": "Alpaca",
    "dolly": "Dolly",
    "lima": "LIMA",
    "rasbt": "rasbt",
    "medquad": "MedQuAD",
}
PASSES = {"epochs 10": "10 passes", "epochs 30": "30 passes"}

if __name__ == "__main__":
    found = study([Path(sys.argv[1])])
    cells = floors(found.tried, found.baseline, found.vary, outcome(PRIMARY))
    parts = cells["place"].str.extract("^model micro, data (?P<set>\\w+), (?P<passes>epochs .*)$")
    own = cells["arm"].eq("template") & parts["set"].isin(SETS) & parts["passes"].isin(PASSES)
    own &= cells["n_examples"] < 1_000
    named = pd.Categorical(parts["set"].map(SETS), SETS.values(), ordered=True)
    shown = cells.assign(place=named)[own].sort_values(["n_examples", "place", "floor"])
    with style.style():
        drawn = over_rates_of(shown.astype({"place": "str"}))
        for axes, passes in zip(drawn.axes, reversed(PASSES.values()), strict=True):
            axes.set_title(f"{axes.get_title(loc='left')}, {passes}", loc="left")
        drawn.savefig(sys.argv[2], dpi=200)
