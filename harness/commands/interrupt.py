"""Ctrl-C and SIGTERM: one line and the code 130 or 143, however early they come. Imports next to
nothing, so that it can be the first thing that a command does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

LINE = b"harness: interrupted; the same command starts again or goes on\n"


def leave_at_once() -> None:
    """From now on end the process where it stands: nothing is begun that would have to be ended."""
    _listen(_leave)


@contextmanager
def unwinding() -> Iterator[None]:
    """Within the block end by a KeyboardInterrupt that holds the signal's number: there are
    displays to clear away, jobs to cancel, files to close.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _listen(_unwind)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code after an interruption: 128 and the signal's number, that of Ctrl-C where it
    holds none.
    """
    number = error.args[0] if error.args else signal.SIGINT
    return 128 + int(number)


def _listen(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell has it for what runs behind
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    # No exception: in the middle of an import, libraries catch it or wrap it in their own.
    os.write(2, LINE)
    os._exit(128 + number)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
