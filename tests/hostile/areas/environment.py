"""Streams that are closed, folders without rights, full disks, and variables of other programs."""

from __future__ import annotations

from tests.hostile.areas.reports import sweep
from tests.hostile.case import Area, toy
from tests.hostile.make import directory, link, several, text

AREA = Area("environment")
refuse, work = AREA.refuse, AREA.work

DONE = ("runs/s/*/result.json",)
refuse("runs in a folder without rights", toy(), "runs", user=True,
       make=lambda folder: _shut(folder / "runs"))  # fmt: skip
refuse("runs that link to nothing", toy(), "runs", make=link("runs", "nothing/there"))
refuse("runs that link to themselves", toy(), "runs", make=link("runs", "runs"))
refuse("runs on no file system", toy("runs=/proc/x"), "/proc/x")
refuse("runs on a device", toy("runs=/dev/null"), "/dev/null")
refuse("a sweep that is a file", toy(), "runs/s", make=text("runs/s", "x"))
refuse("a full disk", toy("runs=disk"), "disk|space", disk=1, writes=True)
refuse("a disk that fills", toy("runs=disk"), "disk|space|failed", code=1, disk=16, writes=True)
refuse("a working directory without rights", toy(), "runs", user=True,
       make=lambda folder: folder.chmod(0o555))  # fmt: skip
refuse("an audit's page on a full device", ["audit", *toy(), "html=/dev/full"], "/dev/full")
work("a home without rights", ["audit", *toy()], "Σ", user=True, alone=True,
     environment={"HOME": "/proc/x", "MPLCONFIGDIR": "", "XDG_CACHE_HOME": "/proc/x"})  # fmt: skip
work("a report with a home without rights", ["report", "s"], make=sweep, user=True, alone=True,
     environment={"HOME": "/proc/x"}, leaves=("s/report/index.html",))  # fmt: skip
work("no home", ["--help"], "mask", alone=True, environment={"HOME": ""})
work("a run without rights to the cache", toy(), leaves=DONE, user=True,
     environment={"XDG_CACHE_HOME": "/proc/x"})  # fmt: skip
work("standard output closed", ["audit", *toy()], alone=True, stdout="closed")
work("a run with standard output closed", toy(), alone=True, stdout="closed", leaves=DONE)
work("a pipe that nobody reads", ["audit", *toy("data.size=20"), "n=20"], alone=True, stdout="pipe")
work("help into a pipe that nobody reads", ["--help"], alone=True, stdout="pipe")
work("columns into a pipe that nobody reads", ["report", "--columns"], alone=True, stdout="pipe")
work("a report into a pipe that nobody reads", ["report", "s"], alone=True, stdout="pipe",
     make=sweep, code=1)  # fmt: skip
work("a terminal of one column", ["audit", *toy()], environment={"COLUMNS": "1"})
work("a terminal of a word", ["audit", *toy()], "Σ", environment={"COLUMNS": "many"})
work("a language without letters", ["audit", *toy()], alone=True,
     environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})  # fmt: skip
work("a program's own modules in the folder", toy(), leaves=DONE, alone=True, make=several(
    text("harness.yaml", "x"), directory("analysis"), directory("conf")))  # fmt: skip
work("variables of other schedulers", toy(), leaves=DONE,
     environment={"SLURM_JOB_ID": "x", "OMP_NUM_THREADS": "many",
                  "HYDRA_FULL_ERROR": "1"})  # fmt: skip
refuse("an error with Hydra asked for all", toy("seeed=1"), "seeed",
       environment={"HYDRA_FULL_ERROR": "1"})  # fmt: skip
refuse("a syntax error with Hydra asked for all", toy("seed=[1"), "seed",
       environment={"HYDRA_FULL_ERROR": "1"})  # fmt: skip
refuse("Ctrl-C at the start", toy(), "interrupted", code=130, alone=True, wait=0.3)
refuse("Ctrl-C while importing", toy(), "interrupted", code=130, alone=True, wait=1.2)
refuse("Ctrl-C at the audit", ["audit", *toy()], "interrupted", code=130, alone=True, wait=0.8)


def _shut(folder: object) -> None:
    from pathlib import Path

    path = Path(str(folder))
    path.mkdir()
    path.chmod(0o555)
