"""No text from outside steers a terminal: a model's words, data, and what a failed run said."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest
from rich.console import Console

from harness.__main__ import main
from harness.commands import generate
from harness.commands.audit import Audit, show
from harness.engine.status import render, status_of
from harness.records import FAILURE, RESULT, AuditRecord, Failure
from harness.records.storage import write_json
from harness.records.visible import visible
from tests.tiny import run_of
from tests.tiny_sweep import inline, toy_runs

HOSTILE = "a\x1b[2J\u202eb\x07"
SEEN = "a␛[2J⟨U+202E⟩b␇"


def test_lines_and_letters_of_every_script_stay() -> None:
    assert visible(HOSTILE) == SEEN
    plain = "two\nlines\té 漢字 עברית 👩\u200d🔬"
    assert visible(plain) == plain


def printed(thing: object) -> str:
    console = Console(force_terminal=True, color_system=None, width=200)
    with console.capture() as capture:
        console.print(thing)
    return capture.get()


def test_an_audit_in_colours_shows_what_the_data_hold() -> None:
    record = AuditRecord(id="x", tokens=["", HOSTILE], roles=["user", "user"], weights=[0.0, 1.0])
    lost = {"without weight": 0, "truncated": 0, "dropped": 0}
    said = printed(
        show(Audit([record], {"user": (1, 1, 1.0)}, 1, lost), run_of("model=nano"), colours=True)
    )
    assert SEEN in said and "\x1b[2J" not in said


def test_a_status_shows_what_a_failed_run_said(tmp_path: Path) -> None:
    runs = toy_runs(tmp_path, 1)
    inline(runs)
    (folder,) = (path.parent for path in tmp_path.glob(f"s/*/{RESULT}"))
    (folder / RESULT).unlink()
    write_json(folder / FAILURE, Failure(run="r", identity="0" * 16, error=HOSTILE))
    said = printed(render(tmp_path / "s", status_of(tmp_path / "s")))
    assert SEEN in said and "\x1b" not in said


def test_a_model_s_words_are_raw_in_a_pipe_and_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "answer", lambda config, prompt: HOSTILE)
    assert main(["generate", "model=nano", "prompt=So: "]) == 0
    assert capsys.readouterr().out == f"So: {HOSTILE}\n"
    reading, writing = pty.openpty()
    with os.fdopen(writing, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["generate", "model=nano", "prompt=So: "]) == 0
        terminal.flush()
        assert os.read(reading, 1_000).decode() == f"So: {SEEN}\r\n"
    os.close(reading)


def test_an_error_shows_what_it_quotes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "own\x1b[2J.safetensors"
    path.write_text("x")
    assert main(["quantize", str(path), str(tmp_path / "out.gz")]) == 2
    said = capsys.readouterr().err
    assert "own␛[2J.safetensors" in said and "\x1b" not in said
