"""What models said of a sweep's answers, as `harness judge` left it: first how far each agrees with
what can be checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.files import checked
from harness.records import JUDGED
from harness.records.storage import RecordError


def judges(runs: list[str]) -> list[tuple[str, str]]:
    """A judge's name and its agreement, and of pairs who won, for each file that it left beside the
    runs of these folders.
    """
    sweeps = sorted({Path(run).parent for run in runs})
    files = [path for sweep in sweeps for path in sorted((sweep / JUDGED).glob("*.json"))]
    return [(path.stem, _told(path)) for path in files]


def _told(path: Path) -> str:
    try:
        found = json.loads(checked(path).read_text("utf-8"))
        return "; ".join(_parts(found))
    except (RecordError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its file cannot be read: {type(error).__name__}"


def _parts(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['model']}, {found['agreement']}"
    ranks = found.get("rank_correlation", {})
    if ranks:
        listed = ", ".join(f"{name} {float(value):.2f}" for name, value in ranks.items())
        yield f"Spearman's ρ over answers: {listed}"
    if found.get("unread"):
        yield f"{found['unread']:,} of {found['answers']:,} answers without a reply to be read"
    for arm, tally in found.get("arms", {}).items():
        share = "none to be read" if tally["rate"] is None else f"{tally['rate']:.1%}"
        yield (
            f"'{arm}' against '{found['baseline']}' {share} "
            f"({tally['wins']} won, {tally['ties']} tied, {tally['losses']} lost)"
        )
