"""The figure of README and docs/results.md: four outcomes of the kept map.

python sweeps/map/figure.py docs/results/map.parquet docs/figures/map.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from analysis.map_figures import landscape_of
from analysis.outcomes import outcome
from analysis.plots import style
from analysis.study import study

SHOWN = ("nll.test.answer", "nll.test_best.answer", "nll.test.by_example", "scores.rouge_l")

if __name__ == "__main__":
    with style.style():
        found = study([Path(sys.argv[1])])
        landscape_of(found, [outcome(each) for each in SHOWN]).savefig(sys.argv[2], dpi=200)
