"""What workers are forked from: a process that has imported, once for all of them, what each needs.

It is `multiprocessing`'s fork server, which imports this module and dies with the launch.
"""

from __future__ import annotations

import os
import sys

from harness.engine.worker import die_with

FORKS = "multiprocessing.forkserver" in " ".join(sys.orig_argv)
"""Whether this is that process, or one forked from it."""

PID = os.getpid()
"""Of the process that imported this first: in a worker that was forked, its parent's."""

if FORKS:
    die_with(os.getppid())
    import harness.models.device
    import harness.run.execute
    import harness.run.warm  # noqa: F401  # for their imports
