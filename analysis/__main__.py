"""`python -m analysis runs/<sweep> [runs/<other> ...]`: verdict, figures, tables and a report."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from analysis import columns, terminal
from analysis.archive import write_archive
from analysis.dataset import write_dataset
from analysis.drawing import draw, write
from analysis.figures import FIGURES
from analysis.load import LoadError, gather
from analysis.report import examples, write_report
from analysis.study import Study, study
from analysis.traces import curves
from harness.records.counted import counted
from harness.records.storage import naming


def main(arguments: Sequence[str] | None = None, called: str = "analysis") -> int:
    """Run the command line; return the exit code: 2, after one line, where nothing can be
    analysed.

    Args:
        arguments: the process's own if None.
        called: the command that somebody typed, with which that line begins.
    """
    given = _parser(called).parse_args(arguments)
    if given.columns:
        print(columns.describe())
        return 0
    if not given.runs:
        print(f"{called}: RUNS is missing, expected the folder of a sweep", file=sys.stderr)
        return 2
    try:
        return _analyse(given)
    except (LoadError, OSError) as error:
        print(f"{called}: {error}", file=sys.stderr)
        return 2


def _analyse(given: argparse.Namespace) -> int:
    folders = [Path(folder) for folder in given.runs]
    found = study(folders, given.baseline, given.vary, given.claim)
    # Where the sweep lies, or by an archive's name; several sweeps share a folder beside them.
    beside = folders[0] if folders[0].is_dir() else folders[0].with_suffix("")
    if len(folders) > 1 or beside.is_file():  # an archive without a suffix
        beside = folders[0].resolve().parent / found.name
    out = given.out or beside / "report"
    if given.figure:
        drawn, unfit = draw(found, given.figure)
        write(drawn, out / "figures")
        for name in drawn:
            print(out / "figures" / f"{name}.svg")
        for name, why in unfit.items():
            print(f"{name}: not drawn: {why}", file=sys.stderr)
        return 2 if unfit else 0
    if given.archive:
        return _archive(found, folders, given.archive)
    if given.export:
        with naming(out):
            for path in write_dataset(found, out / "export"):
                print(path)
        return 0
    terminal.show(found, Console())
    with naming(out):
        page = write_report(found, out)
    # The report alone has read evaluations and responses.
    late = [problem for problem in found.read_late if problem.kind == "corrupt"]
    terminal.list_problems(late, Console())
    print(f"report: {page}")
    return 0


def _archive(found: Study, folders: list[Path], path: Path) -> int:
    """Keep the runs of folders in one file.

    Raises:
        LoadError: one of them is an archive already.
    """
    if found.archives:
        raise LoadError(f"{next(iter(found.archives))}: an archive already, expected a folder")
    texts = {
        "problems": found.all_problems,
        "over_prompts": found.over_prompts.to_dict("records"),
        "examples": examples(found),
    }
    rows = gather(folders).runs
    left_out = write_archive(path, rows, curves(rows)[0], texts)
    note = f", without the evaluations of {', '.join(left_out)}" if left_out else ""
    print(f"archive: {path}, {path.stat().st_size:,} bytes, {counted(len(rows), 'run')}{note}")
    return 0


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line."""

    called = "analysis"

    def error(self, message: str) -> NoReturn:
        """Leave with code 2."""
        self.exit(2, f"{self.called}: {message}, see harness report --help\n")


def _parser(called: str) -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m analysis", description=__doc__)
    parser.called = called
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUNS",
        help="folder of a sweep or of a run, or an archive; several are compared",
    )
    parser.add_argument("--out", type=Path, help="folder of the report; RUNS/report if not given")
    parser.add_argument(
        "--baseline",
        default="",
        help="mask that the others are compared with; full, or the first there is, if not given",
    )
    parser.add_argument(
        "--claim",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="judge the claims of these files too; docs/statistics.md tells what they hold",
    )
    parser.add_argument(
        "--vary",
        nargs="+",
        default=[],
        metavar="KEY",
        help="config keys in which arms may differ beside the mask",
    )
    parser.add_argument(
        "--figure",
        nargs="+",
        choices=FIGURES,
        metavar="NAME",
        help=f"draw these alone: {', '.join(FIGURES)}",
    )
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="FILE",
        help="keep the runs in this one file, such as small_data.parquet, and write no report",
    )
    parser.add_argument(
        "--export",
        action="store_true",
        help="write runs, outcomes and responses as Parquet with a data dictionary, tables in "
        "Markdown and LaTeX, and croissant.json into OUT/export, and no report",
    )
    parser.add_argument("--columns", action="store_true", help="explain the run table's columns")
    return parser


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` has seen enough
    sys.exit(main())
