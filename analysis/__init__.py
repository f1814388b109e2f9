"""Run folders to a verdict, figures and a report. Imports no torch: a report rebuilds on any
laptop.

For notebooks: `analysis.load("runs/main")` gives one row per finished run;
`analysis.columns.describe()` explains every column.
"""

from analysis.load import Problem, load

__all__ = ["Problem", "load"]
