"""Hydra's syntax, unknown keys, verbs and options."""

from __future__ import annotations

from tests.hostile.case import TOY, Area, toy

AREA = Area("command line")
refuse, work = AREA.refuse, AREA.work

# Keys and groups that do not exist.
refuse("unknown key", toy("seeed=1"), "seeed.*did you mean.*seed")
refuse("unknown key added", toy("+typo=1"), "typo")
refuse("unknown key below a group", toy("train.epoks=1"), "train.epoks.*train.epochs")
refuse("no such mask", toy("mask=ful"), "mask.*full")
refuse("no such model", toy("model=nan"), "model.*nano")
refuse("no such data", toy("data=fiel"), "data.*file")
refuse("no such train group", toy("train=nope"), "train.*default")
refuse("no such score group", toy("score=nope"), "score.*default")
refuse("empty mask", toy("mask="), "mask")
refuse("null mask", toy("mask=null"), "mask")
refuse("group at another package", toy("mask@foo=full"), "mask@foo|foo")
refuse("group added at another package", toy("+mask@a.b=full"), "a.b|mask@")
refuse("deleted key", toy("~seed"), "seed")
refuse("deleted group", toy("~mask"), "mask")
refuse("role that does not exist", toy("+mask.weight.reponse=1"), "mask.weight.reponse.*response")
refuse("number for a group", toy("train=3"), "train")

# Syntax.
refuse("trailing comma", ["-m", *toy("seed=0,1,")], "seed=0,1,")
refuse("open bracket", toy("data.size=[1,2"), r"data.size=\[1,2")
refuse("no key", toy("=5"), "=5")
refuse("no equals sign", toy("seed"), "seed")
refuse("space in a key", toy("se ed=5"), "se ed=5")
refuse("double equals sign", toy("data.size==5"), "data.size")
refuse("open quote", toy("mask.name='a"), "mask.name=.*'a")
refuse("empty word", toy(""), "argument|empty|''")
refuse("brackets without end", toy("data.size=" + "[" * 5_000), "data.size")
refuse("deep brackets", toy("data.size=" + "[" * 900 + "]" * 900), "data.size")
refuse("a word of a megabyte", toy("device=" + "x" * 120_000), "device")
refuse("bytes that are no text", toy("mask.name=\udcff\udcfe"), "mask.name")
refuse("unknown interpolation", toy("seed=${nope}"), "seed.*nope|nope")
refuse("variable that is not set", toy("seed=${oc.env:NO_SUCH_VARIABLE}"), "NO_SUCH_VARIABLE")
refuse("interpolation of itself", toy("seed=${seed}"), "seed")
refuse("interpolation in a circle", toy("seed=${score.every}", "score.every=${seed}"), "seed|every")
refuse("unknown resolver", toy("mask.name=${oops:1}"), "oops")
refuse("broken interpolation", toy("mask.name=${"), r"mask\.name.*\$\{")
refuse("missing value", toy("mask.name=???"), "mask.name")
refuse("two values without -m", toy("seed=0,1"), "seed=0,1|-m|multirun")
refuse("unknown function", ["-m", *toy("seed=nope(1)")], "nope")

# Sweeps that are none.
refuse("empty range", ["-m", *toy("seed=range(0)")], r"seed=range\(0\)|seed")
refuse("range without step", ["-m", *toy("seed=range(0,10,0)")], "seed")
refuse("range of letters", ["-m", *toy("seed=range(a)")], "seed")
refuse("empty choice", ["-m", *toy("seed=choice()")], "seed")
refuse("interval", ["-m", *toy("seed=interval(0,1)")], "seed")
refuse("glob without hit", ["-m", *toy("mask=glob(zzz*)")], "mask")
refuse("a thousand million runs", ["-m", *toy("seed=range(0,1000000000)")], "seed|runs")
refuse("a product of ten million runs",
       ["-m", *toy("seed=range(0,10000)", "data.size=range(1,1001)")], "runs|seed")  # fmt: skip
refuse("two sweeps at once", ["-m", *toy("sweep=a,b")], "sweep")
refuse("two claims at once", ["-m", *toy("claim=small_data,capacity")], "claim")
refuse("no such stored sweep", ["-m", *toy("+sweeps=nope")], "sweeps.*nope|nope")
refuse("no such preset", ["-m", "+sweeps=small_data", "preset=nope"], "nope")
refuse("preset of no sweep", toy("preset=laptop"), "preset")

# Hydra's own keys and options.
refuse("hydra.sweep.dir", ["-m", *toy("seed=0,1", "hydra.sweep.dir=x")], "hydra.sweep.dir")
refuse("hydra.run.dir", toy("hydra.run.dir=x"), "hydra.run.dir")
refuse("hydra.sweep.subdir", ["-m", *toy("seed=0,1", "hydra.sweep.subdir=x")], "hydra.sweep.subdir")
refuse("hydra.output_subdir", toy("hydra.output_subdir=x"), "hydra.output_subdir")
refuse("hydra.job.chdir", toy("hydra.job.chdir=true"), "hydra.job.chdir")
refuse("hydra.nope", toy("hydra.nope=1"), "hydra.nope")
refuse("no such launcher", toy("hydra/launcher=nope"), "launcher.*(nope|pool)")
refuse("no such sweeper", ["-m", *toy("hydra/sweeper=nope")], "sweeper")
refuse("slots of a word", ["-m", *toy("hydra.launcher.slots=many")], "hydra.launcher.slots")
refuse("no slots", ["-m", *toy("hydra.launcher.slots=0")], "hydra.launcher.slots")
refuse("ten thousand slots", ["-m", *toy("hydra.launcher.slots=10000")], "hydra.launcher.slots")
refuse("negative retries", ["-m", *toy("hydra.launcher.retries=-1")], "hydra.launcher.retries")
refuse("timeout of no number", ["-m", *toy("hydra.launcher.timeout=nan")], "hydra.launcher.timeout")
refuse("setting that no launcher has", ["-m", *toy("hydra.launcher.nope=1")], "launcher.nope")
refuse("unknown option", ["--nope", *TOY], "--nope")
refuse("unknown short option", ["-z", *TOY], "-z")
refuse("folder of configs that is none", ["--config-dir=nope", *TOY], "nope")
refuse("config that is none", ["--config-name=nope", *TOY], "nope|config-name")
refuse("config path", ["--config-path=nope", *TOY], "nope|config-path")
refuse("unknown verb", ["statsu", "x"], "statsu.*status|statsu")
refuse("a file for a verb", ["records.jsonl"], "records.jsonl")

# What must work.
work("help", ["--help"], "mask")
work("version", ["--version"], r"\d+\.\d+")
work("what would run", [*TOY, "--dry-run"], "nothing was written")
