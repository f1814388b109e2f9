"""The command line: `harness [-m] KEY=VALUE …` for runs, `harness COMMAND …` for all else; the same
as `python -m harness`. It finds the command and hands over.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from harness.commands import interrupt
from harness.commands.verbs import VERBS

HELP = {"-h", "--help"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; returns the exit code: 2, after a line each, for its faults."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    verb, rest = ("", given) if not given or given[0] not in VERBS else (given[0], given[1:])
    try:
        return _dispatch(verb, rest)
    except KeyboardInterrupt as error:
        print(interrupt.LINE.decode(), end="", file=sys.stderr)
        return interrupt.code_of(error)
    except BrokenPipeError:
        raise
    except (OSError, ValueError, ImportError, RecursionError) as error:
        from harness.records.visible import visible

        name = f"harness {verb}" if verb else "harness"
        for line in getattr(error, "faults", None) or [_one_line(error)]:
            print(f"{name}: {visible(line)}", file=sys.stderr)
        return 2


def _dispatch(verb: str, rest: list[str]) -> int:
    if "--version" in rest:
        from importlib.metadata import version

        print(f"prompt-mask-harness {version('prompt-mask-harness')}")
        return 0
    if not verb and (not rest or HELP & set(rest)):
        from harness.commands import help as pages

        print(pages.overview(VERBS) if rest else pages.short(VERBS))
        return 0
    if not verb and not rest[0].startswith(("-", "~")) and "=" not in rest[0]:
        from harness.config.hints import nearest

        meant = nearest(rest[0], VERBS)
        expected = (
            f"did you mean {meant}?" if meant else f"expected {', '.join(VERBS)} or KEY=VALUE"
        )
        raise ValueError(f"{rest[0]}: no such command, {expected}")
    module = import_module(VERBS[verb or "run"].module)
    if HELP & set(rest):
        from harness.commands import help as pages

        print(pages.page(module))
        return 0
    return int(module.main(rest))


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def script() -> None:
    """The command line as a process: signals, pipes and the working folder taken care of."""
    interrupt.leave_at_once()
    _mend_streams()
    _working_folder_last()
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _mend_streams() -> None:
    """Give a stream that the caller closed to nobody, for workers too: the next file that is opened
    would take its place, and be written to by whoever prints. A letter that standard output has not
    is no fault.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nobody = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nobody, True)  # noqa: FBT003  # it takes no keyword
            setattr(sys, name, os.fdopen(nobody, mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _working_folder_last() -> None:
    """Python puts the working folder first, where a user's file that is named like a library would
    be taken for it. It stays, at the end, for modules of `plugins=`.
    """
    here = Path.cwd()
    if here != Path(__file__).resolve().parent.parent:
        sys.path[:] = [entry for entry in sys.path if entry not in ("", str(here))]
        sys.path.append(str(here))


if __name__ == "__main__":
    script()
