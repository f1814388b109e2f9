"""Show a sweep's runs to a tracker, from their files: after it, or while it goes on.

    harness mirror runs/SWEEP to=tensorboard
    harness mirror runs/SWEEP to=wandb every=30        goes on until all runs are done
    harness mirror runs/SWEEP to=mlflow out=FOLDER

`to` is one of wandb, mlflow, tensorboard, trackio, each an extra. What the tracker keeps on this
machine lies in `out`, runs/SWEEP/.mirror/TO if not given. A run that was shown is gone on with. A
tracker that fails is told of in a line and hurts no run.

    harness -m mask=none,full mirror=wandb             from a launch's beginning to its end
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.config.command_line import apart
from harness.config.extras import lacking
from harness.config.validate import ConfigError
from harness.mirrors import MIRRORS
from harness.mirrors.news import HIDDEN, runs_in, show_news
from harness.records import FAILURE, RESULT


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code: 1 where the tracker failed."""
    own, rest = apart(arguments, ("to", "out", "every"))
    sweep = Path(rest[0]) if rest else Path()
    name = own.get("to", "")
    faults = [f"{text}: expected a folder, to=, out= and every= alone" for text in rest[1:]]
    faults += MIRRORS.faults(name)
    if not rest or not runs_in(sweep):
        faults.append(f"{sweep}: no run, expected the folder of a sweep")
    if not own.get("every", "0").isdecimal():
        faults.append(f"every={own['every']}: expected a number of seconds")
    if not faults:
        faults = _lacking("to", name)
    if faults:
        raise ConfigError(faults)
    out = Path(own.get("out") or sweep / HIDDEN / name)
    seconds = int(own.get("every", "0"))
    failed = False
    while True:
        over = all(map(_ended, runs_in(sweep)))  # looked at first: what ends meanwhile comes next
        for fault in show_news(name, sweep, out):
            print(f"harness mirror: {fault}", file=sys.stderr)
            failed = True
        if over or not seconds:
            break
        time.sleep(seconds)
    print(f"mirror: {out}")
    return int(failed)


def mirror_faults(name: str) -> list[str]:
    """A line where the tracker that a launch is to be shown to is none, or is not installed."""
    if not name:
        return []
    if name not in MIRRORS:
        return [fault.replace("to=", "mirror=", 1) for fault in MIRRORS.faults(name)]
    return _lacking("mirror", name)


def _lacking(key: str, name: str) -> list[str]:
    reason = lacking(MIRRORS.get(name).extra)
    return [f"{key}={name}: {reason}"] if reason else []


def _ended(folder: Path) -> bool:
    return (folder / RESULT).is_file() or (folder / FAILURE).is_file()
