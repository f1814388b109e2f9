"""What those who cite take from here: CITATION.cff, and tables in LaTeX."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import pandas as pd
import pytest
import yaml

from analysis import latex
from analysis.export import printed
from analysis.study import study
from tests import fakes
from tests.tiny_sweep import ROOT


def test_the_citation_file_is_whole_and_of_this_version() -> None:
    """What version 1.2.0 of the format asks for (citation-file-format.github.io)."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    package = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert {"message", "title", "authors"} <= set(cited)
    assert cited["version"] == package["version"] == version("prompt-mask-harness")
    assert cited["license"] == package["license"] == "MIT"
    for work in (cited, *cited["references"]):
        assert work["title"] and work["type"] in ("software", "article")
        assert all("name" in author or "family-names" in author for author in work["authors"])
    assert all(work["url"].startswith("https://") for work in cited["references"])


HOSTILE = r"50 % of a_b & c#1 {x} ~ ^ \ $2 < 3 > 1"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("runs") / "my_sweep"
    found = study([fakes.write_sweep(folder, seeds=(0, 1), prompts=4)])
    return {name: frame for name, frame in printed(found).items() if not frame.empty}


def test_tables_in_latex_have_as_many_cells_a_row_as_columns(
    tables: dict[str, pd.DataFrame],
) -> None:
    assert {"Set-up", "Results", "Verdicts"} <= set(tables)
    for name, frame in (
        *tables.items(),
        ("hostile", pd.DataFrame({"a": [HOSTILE], "b_c": ["−1"]})),
    ):
        text = latex.table(frame, f"my_sweep: {name}")
        assert text.isascii() or name != "hostile"
        (columns,) = re.findall(r"\\begin{tabular}{([lr]+)}", text)
        assert len(columns) == frame.shape[1]
        rows = re.findall(r"^.* \\\\$", text, flags=re.MULTILINE)
        assert len(rows) == 1 + len(frame)
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}
        _compiles(text)


def _compiles(text: str) -> None:
    """Braces and environments match, rules stand once each, no sign is left that LaTeX reads."""
    bare = re.sub(r"\\[%&#_{}$]", "", text)
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\begin{(\w+)}", text) == ["table", "tabular"]
    assert re.findall(r"\\end{(\w+)}", text) == ["tabular", "table"]
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{rule}") == 1
    cells = bare.replace(latex.FIT, "")
    assert not re.findall(r"[%#~^]", cells) and bare.count("$") % 2 == 0
    body = bare[bare.index("\\toprule") : bare.index("\\bottomrule")]
    assert "_" not in body


def test_what_latex_reads_is_written_as_it_prints() -> None:
    assert latex.escaped(HOSTILE) == (
        r"50 \% of a\_b \& c\#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\$2 \textless{} 3 \textgreater{} 1"
    )
    assert latex.escaped("Δ −0.1 ± 2 × 3 ≤ 4 …") == (
        r"$\Delta$ $-$0.1 $\pm$ 2 $\times$ 3 $\leq$ 4 \ldots{}"
    )
