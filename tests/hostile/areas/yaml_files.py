"""The user's own YAML: configs below a folder of their own."""

from __future__ import annotations

from tests.hostile.case import Area, Make, toy
from tests.hostile.make import data, directory, fifo, link, repeated, several, text

AREA = Area("own YAML")
refuse, work = AREA.refuse, AREA.work

FULL = """name: mine
weight: {template: 0.0, system: 0.0, instruction: 0.3, input: 0.0, user: 0.0, response: 1, end: 1}
keep: {template: 1.0, system: 1.0, instruction: 1.0, input: 1.0, user: 1.0, response: 1.0, end: 1.0}
importance: idf
tiers: []
turns: all
prompt_length: 0
schedule: constant
"""
MASK = "own/mask/mine.yaml"
USE = ["--config-dir=own", *toy("mask=mine")]
PLACE = r"mask/mine\.yaml"


def aliases(depth: int) -> str:
    """YAML that stands for ten to the `depth` values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


for name, content, line in (
    ("a tab", FULL + "\tturns: all\n", 9),
    ("an open brace", FULL + "x: {a: 1\n", 9),
    ("an open quote", FULL + 'x: "a\n', 9),
    ("no colon", FULL + "weight\n", 9),
    ("wrong indentation", FULL + "x:\n  a: 1\n b: 2\n", 9),
    ("a key twice", FULL + "turns: first\n", 9),
    ("a key twice below a key",
     FULL.replace("template: 0.0,", "template: 0.0, template: 1.0,", 1), 2),
    ("a tag", FULL + "x: !!python/object/apply:os.system ['touch x']\n", 9),
    ("a tag of its own", FULL + "x: !mine 3\n", 9), ("an unknown alias", FULL + "x: *nope\n", 9),
    ("a second document", FULL + "---\nname: b\n", 9),
    ("a control character", FULL + "x: a\x07b\n", 9),
    ("bytes that are no UTF-8", FULL + "x: \udcff\n", 0),
):  # fmt: skip
    place = PLACE + (rf".*\b({line}|{line + 1}|{line + 2})\b" if line else "")
    refuse(name, USE, place, make=text(MASK, content))

for name, content in {
    "a list": "- 1\n- 2\n",
    "a number": "3\n",
    "text": "hello\n",
    "a key of a list": FULL + "? [a, b]\n: 1\n",
    "a key of a number": FULL + "3: 4\n",
    "a date": FULL + "x: 2020-01-01\n",
    "an alias bomb": FULL + aliases(9),
    "an alias to itself": FULL + "x: &x [*x]\n",
    "YAML 10,000 deep": FULL + "x: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "blocks 3,000 deep": FULL + "x:\n" + "".join(" " * n + "k:\n" for n in range(1, 3_000)),
    "an unknown key": FULL + "turn: all\n",
    "a default that is none": "defaults: [nope]\n" + FULL,
    "a default of itself": "defaults: [mine]\n" + FULL,
    "nothing": "",
}.items():
    refuse(name, USE, r"mask/mine" if content else r"mask\.name", make=text(MASK, content))

OTHERS: dict[str, Make] = {
    "a hundred megabytes": repeated(MASK, "# ", "x", 100_000_000, "\n" + FULL),
    "a folder for a file": directory(MASK),
    "a named pipe": several(directory("own/mask"), fifo(MASK)),
    "a device without end": several(directory("own/mask"), link(MASK, "/dev/zero")),
    "a link to itself": several(directory("own/mask"), link(MASK, "mine.yaml")),
    "binary": data(MASK, bytes(range(256))),
}
for name, make in OTHERS.items():
    refuse(name, USE, "mine", make=make)

# Sweeps of their own.
refuse("an interpolation to nothing", USE, r"mask\.name.*nope",
       make=text(MASK, FULL.replace("name: mine", "name: ${nope}")))  # fmt: skip
SWEEP = "sweeps/my.yaml"
SWEEPING = ["-m", "sweeps=my", *toy()]
HEAD = "# @package _global_\n"
for name, content in {
    "sweep with an open brace": HEAD + "hydra: {sweeper: {params: {seed: 0,1}\n",
    "sweep with a key twice": HEAD + "seed: 0\nseed: 1\n",
    "sweep of an unknown key": HEAD + "hydra: {sweeper: {params: {sead: '0,1'}}}\n",
    "sweep of an unknown mask": HEAD + "hydra: {sweeper: {params: {mask: 'fulll,none'}}}\n",
    "sweep with a trailing comma": HEAD + "hydra: {sweeper: {params: {seed: '0,1,'}}}\n",
    "sweep of nothing": HEAD + "hydra: {sweeper: {params: {seed: 'range(0)'}}}\n",
    "sweep of a list": HEAD + "hydra: {sweeper: {params: [a]}}\n",
    "sweep with an unknown key": HEAD + "sead: 3\n",
    "sweep with another launcher's folder": HEAD + "hydra: {sweep: {dir: elsewhere}}\n",
}.items():
    refuse(name, SWEEPING, "sweeps/my|sead|fulll|seed|params|hydra.sweep.dir",
           make=text(SWEEP, content))  # fmt: skip

# What must work.
work("a mask of one's own", USE, leaves=("runs/s/mine-*/result.json",), make=text(MASK, FULL))
work("a mask that leaves a key to the base", USE, leaves=("runs/s/mine-*/result.json",),
     make=text(MASK, FULL.replace("turns: all\n", "")))  # fmt: skip
work("folders named like keys in the root", toy(), leaves=("runs/s/*/result.json",), make=several(
    *(directory(name) for name in (
        "runs", "mask", "model", "data", "train", "score", "seed", "sweep", "device", "launch",
        "threads", "claim", "conf", "sweeps", "hydra", "harness_out"))))  # fmt: skip
