"""`python -m tests.hostile [--alone] [--sample N] [AREA | "AREA: NAME" ...]`: carry out the corpus
and print its table.

Ends with 1 where the demand is not met; `tests.hostile.table.unmet` says what it is.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.hostile.box import make_box, others_can_run
from tests.hostile.case import Case
from tests.hostile.corpus import CASES, QUICK
from tests.hostile.judge import Verdict, judge
from tests.hostile.measure import measure, warm
from tests.hostile.table import details, table, unmet


def carry_out(case: Case, root: Path, limit: float, *, alone: bool) -> Verdict:
    """Carry out a case below `root`, which is removed afterwards."""
    try:
        box = make_box(root, case)
        return judge(case, measure(case, box, limit, alone=alone or case.alone), box)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def compare(case: Case, root: Path, limit: float) -> Verdict:
    """Carry out a case in a fork and in a process of its own, which must do the same."""
    fork = carry_out(case, root / "fork", limit, alone=False)
    process = carry_out(case, root / "alone", limit, alone=True)
    same = (fork.measured.code, fork.faults) == (process.measured.code, process.faults)
    return process if same else process._replace(faults=[*process.faults, "differs from the fork"])


def chosen(wanted: Sequence[str], sample: int) -> list[Case]:
    """The cases of areas and names, "quick" among them, all if none is given; every `sample`-th."""
    named = {*wanted, *(QUICK if "quick" in wanted else ())}
    found = [case for case in CASES if not named or {case.area, case.id} & named]
    return found[::sample]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument(
        "wanted", nargs="*", help="areas, AREA: NAME or quick; all if none is named"
    )
    parser.add_argument("--alone", action="store_true", help="a process of its own for each case")
    parser.add_argument(
        "--sample", type=int, default=0, help="every so manieth case, in a fork and alone"
    )
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds after which a case hangs"
    )
    given = parser.parse_args(arguments)
    cases = chosen(given.wanted, given.sample or 1)
    console = Console(width=160)
    if not others_can_run():
        count = len(cases)
        cases = [case for case in cases if not case.user]
        console.print(
            f"{count - len(cases)} cases are left out: {sys.base_prefix} cannot be read without a "
            "superuser's rights"
        )
    warm()
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for cases without a superuser's rights
        for number, case in enumerate(track(cases, console=Console(stderr=True), transient=True)):
            root = Path(folder) / str(number)
            verdicts.append(
                compare(case, root, given.limit)
                if given.sample
                else carry_out(case, root, given.limit, alone=given.alone)
            )
            for line in details(verdicts[-1]):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(table(verdicts))
    failed = unmet(verdicts)
    for line in failed:
        console.print(line, markup=False)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
