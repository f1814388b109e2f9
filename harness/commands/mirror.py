"""Show a sweep's runs to a tracker, from their files: after it, or while it goes on.

    harness mirror runs/SWEEP to=tensorboard
    harness mirror runs/SWEEP to=wandb every=30        goes on until all runs are done
    harness mirror runs/SWEEP to=mlflow out=FOLDER

`to` is one of wandb, mlflow, tensorboard, trackio, each an extra. What the tracker keeps on this
machine lies in `out`, runs/SWEEP/.mirror/TO if not given. A run that was shown is gone on with. A
tracker that fails is told of in a line and hurts no run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.config.command_line import apart
from harness.config.extras import lacking
from harness.config.validate import ConfigError
from harness.mirrors import MIRRORS, Mirror
from harness.mirrors.reading import read_trace
from harness.records import CONFIG, FAILURE, RESULT
from harness.records.storage import write_json
from harness.records.visible import visible

HIDDEN = ".mirror"
"""Folder inside a sweep's folder for what mirrors have seen."""


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code: 1 where the tracker failed."""
    own, rest = apart(arguments, ("to", "out", "every"))
    sweep = Path(rest[0]) if rest else Path()
    name = own.get("to", "")
    faults = [f"{text}: expected a folder, to=, out= and every= alone" for text in rest[1:]]
    faults += MIRRORS.faults(name)
    if not rest or not _runs(sweep):
        faults.append(f"{sweep}: no run, expected the folder of a sweep")
    if not own.get("every", "0").isdecimal():
        faults.append(f"every={own['every']}: expected a number of seconds")
    if not faults:
        reason = lacking(MIRRORS.get(name).extra)
        faults += [f"to={name}: {reason}"] if reason else []
    if faults:
        raise ConfigError(faults)
    out = Path(own.get("out") or sweep / HIDDEN / name)
    for folder in (out, sweep / HIDDEN):
        folder.mkdir(parents=True, exist_ok=True)
    mirror, seconds = MIRRORS.get(name), int(own.get("every", "0"))
    failed = 0
    while True:
        over = all(map(_ended, _runs(sweep)))  # looked at first: what ends meanwhile is shown next
        failed += _pass(mirror, sweep, sweep / HIDDEN / f"{name}.json", out)
        if over or not seconds:
            break
        time.sleep(seconds)
    print(f"mirror: {out}")
    return int(failed > 0)


def _pass(mirror: Mirror, sweep: Path, state: Path, out: Path) -> int:
    """Show what is new; returns how many runs could not be shown."""
    seen = _seen(state)
    failed = 0
    for folder in _runs(sweep):
        last, finished = seen.get(folder.name, (-1, False))
        if finished:
            continue
        try:
            trace = read_trace(folder)
            rows = [(step, values) for step, values in trace.rows if step > last]
            if rows or trace.summary:
                mirror.show(trace._replace(rows=rows, begun=last >= 0), out)
                last = rows[-1][0] if rows else last
                seen[folder.name] = (last, bool(trace.summary))
                write_json(state, {"runs": seen})
        except Exception as error:  # a tracker raises what it likes
            said = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"harness mirror: {folder.name}: {visible(said)[:300]}", file=sys.stderr)
            failed += 1
    return failed


def _runs(sweep: Path) -> list[Path]:
    """The folders of runs that have begun."""
    return sorted(path.parent for path in sweep.glob(f"[!.]*/{CONFIG}"))


def _ended(folder: Path) -> bool:
    return (folder / RESULT).is_file() or (folder / FAILURE).is_file()


def _seen(state: Path) -> dict[str, tuple[int, bool]]:
    """Run -> the last step that was shown, and whether its result was."""
    try:
        runs = json.loads(state.read_text("utf-8"))["runs"]
        return {str(run): (int(step), bool(finished)) for run, (step, finished) in runs.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
