"""Settings of the Slurm launcher, which end as lines of a script."""

from __future__ import annotations

from tests.hostile.case import Area, toy

AREA = Area("Slurm settings")
refuse, work = AREA.refuse, AREA.work


def slurm(*settings: str) -> list[str]:
    """The toy sweep on Slurm."""
    return ["-m", *toy("seed=0,1"), "hydra/launcher=slurm",
            *(f"hydra.launcher.{setting}" for setting in settings)]  # fmt: skip


refuse("a partition with a line break", slurm('partition="a\ntouch x"'), "partition")
refuse("a partition with a return", slurm('partition="a\rb"'), "partition")
refuse("a partition with a null", slurm('partition="a\x01b"'), "partition")
refuse("an option with a line break", slurm('+extra={comment:"a\ntouch x"}'), "extra")
refuse("an option's name with a line break", slurm('+extra={"a\nb":c}'), "extra")
refuse("an option's name with a space", slurm('+extra={"a b":c}'), "extra")
refuse("an option's value of a list", slurm("+extra={a:[1,2]}"), "extra")
refuse("an option's value with an escape", slurm('+extra={a:"b\x1b[31m"}'), "extra")
refuse("no time", slurm("minutes=0"), "minutes")
refuse("a year of minutes to the power of ten", slurm("minutes=999999999999999999999"), "minutes")
refuse("a word of minutes", slurm("minutes=many"), "minutes")
refuse("no processor", slurm("cpus=0"), "cpus")
refuse("a negative memory", slurm("memory_gb=-1"), "memory_gb")
refuse("none at once", slurm("at_once=0"), "at_once")
refuse("a setting that it has not", slurm("+nope=1"), "nope")
refuse("a sweep's name with a line break", [*slurm(), 'sweep="a\nb"'], "sweep")
refuse("no Slurm here", slurm("partition=main"), "[Ss]lurm|sbatch|srun",
       environment={"PATH": "/nowhere"}, writes=True)  # fmt: skip
refuse("cancel of no folder", ["cancel", "nope"], "nope")
refuse("cancel of a sweep without Slurm", ["cancel", "."], "Slurm")
refuse("cancel of nothing", ["cancel"], "sweep|folder|required|expected")
