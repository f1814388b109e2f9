"""What a run's folder holds at launch: a result that is whole and of this very run, or none."""

from __future__ import annotations

from typing import Literal, NamedTuple

from harness.records import FAILURE, RESULT, Failure, Result
from harness.records.storage import RecordError, read_json
from harness.run.identity import Cell, Stamp, stamp


class Found(NamedTuple):
    """The outcome of a run.

    Attributes:
        before: when it was written.
        state: "finished"; "failed" by the run's own fault; "hindered" by a fault outside it;
            "open" where there is none that counts.
        fault: one line on a record that does not count; "" where all do.
    """

    before: Stamp
    state: Literal["open", "finished", "failed", "hindered"]
    fault: str = ""


def outcome_of(cell: Cell) -> Found:
    """Read a run's outcome. A torn record, or one of another run, counts for none."""
    before = stamp(cell.folder)
    fault = ""
    if before.result:
        try:
            result = read_json(cell.folder / RESULT, Result)
            fault = _of_another(cell, result)
            if not fault:
                return Found(before, "finished")
        except RecordError as error:
            fault = str(error)
    if before.failure:
        try:
            failure = read_json(cell.folder / FAILURE, Failure)
            if failure.identity == cell.identity:
                return Found(before, "failed" if failure.cause == "run" else "hindered")
        except RecordError:
            pass  # the run is carried out again in any case
    return Found(before, "open", fault)


def _of_another(cell: Cell, result: Result) -> str:
    if result.identity == cell.identity:
        return ""
    return f"{cell.folder / RESULT}: of the run {result.identity}, expected {cell.identity}"
