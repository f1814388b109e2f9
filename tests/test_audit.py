"""The audit shows what the mask does, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.commands import audit
from harness.records import AuditRecord
from harness.records.storage import read_jsonl
from harness.run.execute import execute
from harness.run.warm import Warm
from tests.test_run import tiny_cell
from tests.tiny import run_of, write_records


def test_the_audit_names_token_role_weight_and_mass(tmp_path: Path) -> None:
    cell = tiny_cell(tmp_path, mask="prompt_weight")
    found = audit.audit(cell.run, 2)
    (first, second) = found.records
    assert (
        "".join(first.tokens).startswith("### Instruction:\nSay number ")
        and first.tokens[-1] == "<|endoftext|>"
    )
    assert (
        first.weights[0] == 0.0 and first.roles[-1] == "end"
    )  # what stands first is never a target
    assert {(r, w) for r, w in zip(first.roles[1:], first.weights[1:], strict=True)} == {
        ("template", 0.1), ("instruction", 0.1), ("input", 0.1), ("response", 1.0), ("end", 1.0),
    }  # fmt: skip
    assert found.counts["end"] == (12, 12, 12.0) and found.counts["template"][2] == pytest.approx(
        0.1 * found.counts["template"][0], rel=1e-4
    )
    assert found.dropped == {"without weight": 0, "truncated": 0, "dropped": 0}
    assert second.id != first.id


def test_every_run_stores_the_audit_of_what_it_trained_on(tmp_path: Path) -> None:
    cell = tiny_cell(tmp_path, "train.epochs=1", "score.responses=0", mask="surprisal")
    execute(cell, lambda phase, share: None, Warm())
    stored = list(read_jsonl(cell.folder / "audit.jsonl", AuditRecord))
    assert stored == audit.audit(cell.run, 3).records and len(stored) == 3


def test_the_page_holds_the_text_escaped_and_the_command_line_takes_a_runs_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.jsonl"
    records = [
        {"instruction": f"Write <script>{n}</script>", "input": "", "output": f"no {n}"}
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    keys = [
        "data=file",
        f"data.path={path}",
        "data.size=5",
        "data.validation=2",
        "data.test=2",
        "model=nano",
    ]
    page = tmp_path / "audit.html"
    assert main(["audit", *keys, "mask=full", "n=2", f"html={page}"]) == 0
    text = page.read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text
    said = capsys.readouterr().out
    assert "100.0%" not in said and "whole training subset" in said
    assert sum(line.startswith("example ") for line in said.splitlines()) == 2
    assert said.splitlines()[-2] == (
        "5 training examples, 0 without any weight; longer than model.context=1024 tokens: "
        "0 examples cut, 0 left out, held-out ones included"
    )


def test_without_colours_every_weight_is_written_as_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a pipe: what a captured standard output is."""
    path = write_records(tmp_path / "r.jsonl", 20)
    keys = ["data=file", f"data.path={path}", "data.size=5", "data.validation=2", "data.test=2"]
    assert main(["audit", *keys, "model=nano", "mask=prompt_weight", "n=1"]) == 0
    said = capsys.readouterr().out
    assert "role, weight and text of each part" in said
    lines = [line.split(maxsplit=2) for line in said.splitlines() if line.startswith("  ")]
    weights = {role: float(weight) for role, weight, _ in lines}
    assert weights == {
        "template": 0.1, "instruction": 0.1, "input": 0.1, "response": 1.0, "end": 1.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["n=x"], "n=x: expected a number"),
        (["mask=zzz"], "mask=zzz: no such option zzz"),
        (["+a=1"], "a=1: no such key a"),
        (["data.size=3", "html=/proc/no/such/page.html"], "/proc/no/such/page.html"),
        (["data.size=3", "html=/dev/full"], "/dev/full: No space left on device"),
    ],
)
def test_a_fault_is_one_line(
    arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "model=nano", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and fault in said


def test_all_strategies_can_be_audited() -> None:
    for name in ("users_only", "annealed", "long_input"):
        found = audit.audit(run_of(f"mask={name}", "model=nano", "data.size=5"), 1)
        assert sum(mass for _, _, mass in found.counts.values()) > 0
