"""A mirror beside a launch: a process of its own, so that a tracker that fails, hangs or crashes
hurts no run.

    python -m harness.mirrors.beside NAME SWEEP [PLUGIN ...]    ends after its standard input
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread

from harness.config import plugins
from harness.mirrors.news import show_news

EVERY = 10.0
"""Seconds between two looks at the runs."""

PATIENCE = 120.0
"""Seconds for the last news, once the launch has ended."""


@contextmanager
def beside(name: str, sweeps: Sequence[Path], modules: Sequence[str]) -> Iterator[list[str]]:
    """Show a tracker the runs of some sweeps while the block lasts, and what is left at its end.

    Args:
        name: of the mirror; "" for none.
        sweeps: folders, which need not be there yet.
        modules: plugins, of which one may add the mirror.

    Yields:
        A list that holds, after the block, a line for each sweep that could not be shown.
    """
    lines: list[str] = []
    with ExitStack() as ends:
        for sweep in sweeps if name else ():
            ends.enter_context(_process(name, sweep, modules, lines))
        yield lines


@contextmanager
def _process(name: str, sweep: Path, modules: Sequence[str], lines: list[str]) -> Iterator[None]:
    command = [sys.executable, "-P", "-m", __name__, name, str(sweep), *modules]
    with TemporaryFile() as said:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # its end tells the child that ours has come, however
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # Ctrl-C is the launch's business
            )
        except OSError as error:
            lines.append(_line(name, sweep, str(error)))
            yield
            return
        try:
            yield
        finally:
            assert child.stdin is not None
            child.stdin.close()
            try:
                code = child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            if code:
                said.seek(0)
                told = said.read().decode("utf-8", "replace").strip().splitlines()
                lines.append(_line(name, sweep, told[-1] if told else f"ended with {code}"))


def _line(name: str, sweep: Path, said: str) -> str:
    return f"mirror={name}: {said}; harness mirror {sweep} to={name} goes on from here"


def follow(name: str, sweep: Path, over: Event, seconds: float = EVERY) -> list[str]:
    """Show a tracker what is new, again and again, and once more after the end.

    Args:
        name: of the mirror.
        sweep: the folder of runs.
        over: set once no run changes any more.
        seconds: between two looks.

    Returns:
        A line for each run that could not be shown in the end.
    """
    while True:
        last = over.wait(seconds)
        faults = list(show_news(name, sweep))
        if last:
            return faults


def main(arguments: Sequence[str]) -> int:
    """The child; returns the exit code: 1 where a run could not be shown."""
    name, sweep, *modules = arguments
    plugins.load(modules)
    over = Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    Thread(target=listen, daemon=True).start()
    faults = follow(name, Path(sweep), over)
    print(*faults, sep="\n", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
