"""What a shell is told by a command for runs: 0 for runs and report, 1 where one of them failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands import run
from harness.config.launchers import Pool
from harness.engine.launchers import Outcome
from tests.tiny import run_of


@pytest.mark.parametrize(
    ("outcome", "report", "code"),
    [
        (Outcome(2, 0, 0), 0, 0),
        (Outcome(0, 2, 0), 0, 0),
        (Outcome(2, 0, 0), 2, 1),
        (Outcome(1, 0, 1), 0, 1),
        (Outcome(0, 0, 2), 2, 1),
        (Outcome(0, 0, 0, pending=2), 2, 0),
    ],
)
def test_failed_runs_and_a_failed_report_are_not_0(
    outcome: Outcome, report: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[list[str]] = []

    def analyse(arguments: list[str], _: str) -> int:
        reported.append(arguments)
        return report

    monkeypatch.setattr("analysis.__main__.main", analyse)
    monkeypatch.setattr(run, "carry_out_runs", lambda *_: outcome)
    asked = run_of("model=nano", f"runs={tmp_path}", "sweep=s")
    assert run.carry_out([asked], "pool", Pool()) == code
    assert reported == [[str(tmp_path / "s")]] * bool(outcome.finished + outcome.skipped)
