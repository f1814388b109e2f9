"""Ctrl-C, SIGTERM and pipes that close, in a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINE = "harness: interrupted; the same command starts again or goes on\n"


def begun(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


def started(process: subprocess.Popen[str]) -> None:
    """Wait until Python's own start is over and ours has begun: SIGTERM is caught."""
    status = Path(f"/proc/{process.pid}/status")
    mask = 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        caught = next(line for line in status.read_text().splitlines() if line[:7] == "SigCgt:")
        if int(caught.split()[1], 16) & mask:
            return
        time.sleep(0.002)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.0, 0.1, 0.4, 1.0])
def test_a_signal_is_one_line_however_early_it_comes(
    number: signal.Signals, wait: float, tmp_path: Path
) -> None:
    process = begun("-m", "mask=none,full", "seed=range(50)", "data.size=5", folder=tmp_path)
    try:
        started(process)
        time.sleep(wait)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()  # a hundred runs would go on beside all other tests
    assert (process.returncode, told) == (128 + number, LINE)


def test_a_pipe_that_closes_is_the_end_without_a_word(tmp_path: Path) -> None:
    with begun("--help", folder=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_fault(closed: str) -> None:
    """Nor for a process that is started there."""
    child = "import sys; print(None in (sys.stdin, sys.stdout, sys.stderr))"
    code = (
        "import subprocess, sys; import harness.__main__ as entry; "
        f"entry.main = lambda: subprocess.run([sys.executable, '-c', {child!r}]).returncode; "
        "entry.script()"
    )
    line = f"{shlex.join([sys.executable, '-c', code])} {closed}"
    done = subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("False\n" if ">&-" not in closed.replace("2>&-", "") else "")


def test_a_letter_that_standard_output_has_not_is_no_fault() -> None:
    code = "import harness.__main__ as entry; entry.main = lambda: print('Σ w'); entry.script()"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "? w\n", "")
