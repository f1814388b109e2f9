"""The commands beside runs: bad arguments, unwritable outputs, damaged inputs."""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from tests.hostile.areas.weights import FILE, Tensors, filled, gpt, stored
from tests.hostile.case import Area, Make, toy
from tests.hostile.make import data, directory, fifo, link, several, text
from tests.tiny import run_of

AREA = Area("side commands")
refuse, work = AREA.refuse, AREA.work

MODEL = ("model.layers=1 model.width=32 model.heads=2 model.context=64 device=cpu").split()
WEIGHTS = [*MODEL, "model.weights=w"]
SHARD = "".join(f"Ann went home. Number {n} stayed there.\n<|endoftext|>\n" for n in range(200))
CORPUS = several(text("a.txt", SHARD), text("b.txt", SHARD))
NANS: Tensors = {name: np.full_like(tensor, np.nan) for name, tensor in gpt().items()}

# Audit.
AUDIT = ["audit", *toy()]
refuse("audit: n of a word", [*AUDIT, "n=many"], "n=many")
refuse("audit: n negative", [*AUDIT, "n=-1"], "n=-1")
refuse("audit: n of digits of another script", [*AUDIT, "n=\u00b2"], "n=")
refuse("audit: an unknown key", [*AUDIT, "seeed=1"], "seeed.*seed")
refuse("audit: a syntax error", [*AUDIT, "seed=[1"], "seed")
refuse("audit: a page into no folder", [*AUDIT, "html=no/such/page.html"], "no/such/page.html")
refuse("audit: a page into a folder", [*AUDIT, "html=w"], "w", make=directory("w"))
refuse("audit: a page without a name", [*AUDIT, "html="], "html")
refuse("audit: no such mask", ["audit", *toy("mask=nope")], "nope")
refuse("audit: surprisal of damaged weights",
       ["audit", *toy("mask=surprisal", "model.weights=w", "train.lr=1e-3")], r"model\.safetensors",
       make=data(FILE, b"x" * 100))  # fmt: skip
refuse("audit: surprisal of weights that are no numbers",
       ["audit", *toy("mask=surprisal", "model.weights=w", "train.lr=1e-3")], r"model\.safetensors",
       make=stored(NANS))  # fmt: skip
work("audit: nothing shown", [*AUDIT, "n=0"], "Σ")
work("audit: more than there are", [*AUDIT, "n=99999999999999999999"], "Σ")

# Generate.
GENERATE = ["generate", *WEIGHTS, "prompt=Hello there", "tokens=3"]
SOUND = stored(gpt())
work("generate: sound weights", GENERATE, "Hello there", make=SOUND)
refuse("generate: weights that are no numbers", GENERATE, r"model\.safetensors", make=stored(NANS))
refuse("generate: one weight that is no number", GENERATE, r"model\.safetensors",
       make=stored(filled("blocks.0.down.weight", np.nan)))  # fmt: skip
refuse("generate: damaged weights", GENERATE, r"model\.safetensors", make=data(FILE, b"x" * 99))
refuse("generate: no weights", GENERATE, "w")
refuse(
    "generate: random weights", ["generate", *MODEL, "model.weights=random", "prompt=a"], "random"
)
refuse("generate: no prompt", ["generate", *WEIGHTS], "prompt", make=SOUND)
refuse("generate: a prompt that is too long", ["generate", *WEIGHTS, f"prompt={'word ' * 500}"],
       "prompt.*500|prompt.*64", make=SOUND)  # fmt: skip
refuse(
    "generate: a prompt of no text", ["generate", *WEIGHTS, "prompt=\udcff"], "prompt", make=SOUND
)
refuse("generate: standard input of no text", ["generate", *WEIGHTS], "prompt|input", make=SOUND,
       stdin="\udcff\udcfe")  # fmt: skip
refuse("generate: no tokens", [*GENERATE, "tokens=0"], "tokens", make=SOUND)
refuse("generate: a negative temperature", [*GENERATE, "temperature=-1"], "temperature", make=SOUND)
refuse("generate: a top_p of 2", [*GENERATE, "top_p=2"], "top_p", make=SOUND)
refuse("generate: a top_p of 0", [*GENERATE, "top_p=0", "temperature=1"], "top_p", make=SOUND)
refuse(
    "generate: a seed beyond 64 bits", [*GENERATE, "seed=99999999999999999999"], "seed", make=SOUND
)
refuse("generate: an input for a base", [*GENERATE, "input=x"], "input", make=SOUND)
refuse("generate: an unknown key", [*GENERATE, "promt=x"], "promt.*prompt", make=SOUND)
refuse("generate: no such GPU", [*GENERATE, "device=cuda:9"], "device", make=SOUND)
work("generate: a tiny temperature", [*GENERATE, "temperature=1e-30"], "Hello", make=SOUND)
work("generate: a prompt of Hydra's signs",
     ["generate", *WEIGHTS, "tokens=2", "prompt=a=[b,c]{'\""], "a=", make=SOUND)  # fmt: skip


def run_folder(config: str | None = None) -> Make:
    """The folder of a run that kept its weights; `config` replaces its config."""

    def make(folder: Path) -> None:
        run = folder / "r"
        run.mkdir()
        sound = yaml.safe_dump(json.loads(json.dumps(asdict(run_of(*toy("train.lr=1e-3"))))))
        (run / "config.yaml").write_bytes(
            (sound if config is None else config).encode("utf-8", "surrogateescape")
        )
        stored(gpt())(run)
        (run / FILE).rename(run / "model.safetensors")

    return make


ASK = ["generate", "run=r", "prompt=Hello", "tokens=2", "device=cpu"]
work("generate: a run", ASK, make=run_folder())
for name, config in {
    "empty": "", "a list": "- 1\n", "no YAML": "a: {", "a number": "3",
    "deep": "a: " + "[" * 20_000, "no UTF-8": "\udcff",
    "a tag": "a: !!python/object/apply:os.getcwd []\n", "of other keys": "a: 1\n",
    "an interpolation": "seed: ${nope}\n", "a date": "2020-01-01: a\n",
    "an alias to itself": "a: &a {b: *a}\n",
}.items():  # fmt: skip
    refuse(
        f"generate: a run whose config is {name}", ASK, r"config\.yaml|r/", make=run_folder(config)
    )
refuse("generate: no such run", ["generate", "run=nope", "prompt=a"], "nope")
refuse("generate: a run without weights", ASK, "r.*save_weights|model.safetensors",
       make=text("r/config.yaml", "seed: 0\n"))  # fmt: skip
refuse("generate: a run with torn weights", ASK, r"model\.safetensors",
       make=several(run_folder(), text("r/model.safetensors", "x")))  # fmt: skip

# Export.
EXPORT = ["export", *WEIGHTS[:-2], "model.weights=w"]
work("export: sound weights", [*EXPORT, "out=o"], make=SOUND, leaves=("o/model.safetensors",))
refuse("export: no out", EXPORT, "out", make=SOUND)
refuse("export: an empty out", [*EXPORT, "out=''"], "out", make=SOUND)
refuse("export: into a file", [*EXPORT, "out=records.jsonl"], "records.jsonl", make=SOUND)
refuse("export: below a file", [*EXPORT, "out=records.jsonl/x"], "records.jsonl", make=SOUND)
refuse("export: into a forbidden folder", [*EXPORT, "out=/proc/x"], "/proc/x", make=SOUND)
refuse("export: onto a full disk", [*EXPORT, "out=disk/o"], "disk|space", make=SOUND, disk=64,
       writes=True)  # fmt: skip
refuse("export: weights that are no numbers", [*EXPORT, "out=o"], r"model\.safetensors",
       make=stored(NANS))  # fmt: skip
refuse("export: damaged weights", [*EXPORT, "out=o"], r"model\.safetensors", make=data(FILE, b"x"))
refuse("export: no such run", ["export", "run=nope", "out=o"], "nope")
refuse("export: a device, which it has not", [*EXPORT, "out=o", "device=cpu"], "device", make=SOUND)

# Assess.
ASSESS = ["assess", *WEIGHTS, "valid=b.txt", "out=o.json"]
BASE = several(SOUND, CORPUS)
work("assess: a sound base", ASSESS, make=BASE, leaves=("o.json",))
refuse("assess: weights that are no numbers", ASSESS, r"model\.safetensors",
       make=several(stored(NANS), CORPUS))  # fmt: skip
refuse("assess: no text", ASSESS, r"b\.txt", make=SOUND)
for name, make in {
    "empty": text("b.txt", ""),
    "separators alone": text("b.txt", "<|endoftext|>\n" * 5),
    "no UTF-8": text("b.txt", "\udcff" * 500),
    "a folder": directory("b.txt"),
    "a named pipe": fifo("b.txt"),
    "a device without end": link("b.txt", "/dev/zero"),
}.items():
    refuse(f"assess: a text that is {name}", ASSESS, r"b\.txt|valid", make=several(SOUND, make))
PACKED = lzma.compress(SHARD.encode())
XZ = ["assess", *WEIGHTS, "valid=b.txt.xz", "out=o.json"]
for name, content in {
    "cut short": PACKED[:-30], "none": SHARD.encode(), "empty": b"",
    "broken": PACKED[:40] + b"\xff" * 40 + PACKED[80:],
}.items():  # fmt: skip
    refuse(f"assess: an xz that is {name}", XZ, r"b\.txt\.xz",
           make=several(SOUND, data("b.txt.xz", content)))  # fmt: skip
refuse("assess: into no folder", [*ASSESS[:-1], "out=/proc/x/o.json"], "/proc/x", make=BASE)
refuse("assess: onto a full disk", [*ASSESS[:-1], "out=disk/o.json"], "disk|space", disk=1,
       make=BASE, writes=True)  # fmt: skip
refuse("assess: every 0th", [*ASSESS, "every=0"], "every", make=BASE)
refuse("assess: no out", ASSESS[:-1], "out", make=BASE)

# Pretrain.
PRETRAIN = [
    "pretrain", *MODEL[:3], "model.context=32", "device=cpu", "corpus=[a.txt]", "valid=b.txt",
    "out=o", "tokens=512", "batch_tokens=256", "micro_tokens=128", "optimizer=adamw", "lr=3e-3",
    "warmup_steps=1", "evaluate_every=50", "checkpoint_every=20", "precision=fp32", "compile=false",
]  # fmt: skip


def other(*overrides: str) -> list[str]:
    """The pretraining with other values."""
    given = {override.partition("=")[0] for override in overrides}
    return [*(word for word in PRETRAIN if word.partition("=")[0] not in given), *overrides]


work("pretrain: a small base", PRETRAIN, make=CORPUS, leaves=("o/model.safetensors",))
refuse("pretrain: no corpus", other("corpus=[nope.txt]"), r"nope\.txt", make=CORPUS)
refuse("pretrain: a corpus of no files", other("corpus=[]"), "corpus", make=CORPUS)
refuse("pretrain: a corpus of a text", other("corpus=a.txt"), "corpus", make=CORPUS)
refuse("pretrain: an empty corpus", PRETRAIN, r"a\.txt|corpus",
       make=several(text("a.txt", ""), text("b.txt", SHARD)))  # fmt: skip
refuse("pretrain: an empty held-out text", PRETRAIN, r"b\.txt|valid",
       make=several(text("a.txt", SHARD), text("b.txt", "")), writes=True)  # fmt: skip
refuse("pretrain: a corpus of no UTF-8", PRETRAIN, r"a\.txt",
       make=several(text("a.txt", "\udcff" * 900), text("b.txt", SHARD)))  # fmt: skip
refuse("pretrain: a damaged xz", other("corpus=[a.txt.xz]"), r"a\.txt\.xz",
       make=several(CORPUS, data("a.txt.xz", PACKED[:-30])))  # fmt: skip
refuse("pretrain: a text shorter than a window", PRETRAIN, "b.txt|valid",
       make=several(text("a.txt", SHARD), text("b.txt", "Short.\n")), writes=True)  # fmt: skip
refuse("pretrain: into a file", other("out=records.jsonl"), r"records\.jsonl", make=CORPUS)
refuse("pretrain: into a forbidden folder", other("out=/proc/x"), "/proc/x", make=CORPUS)
refuse("pretrain: onto a full disk", other("out=disk/o"), "disk|space", make=CORPUS, disk=64,
       writes=True)  # fmt: skip
refuse(
    "pretrain: a batch of no whole windows", other("batch_tokens=100"), "batch_tokens", make=CORPUS
)
refuse("pretrain: a rate of 1e30", other("lr=1e30"), "lr=", make=CORPUS)
refuse("pretrain: no such optimizer", other("optimizer=sgd"), "optimizer", make=CORPUS)
refuse("pretrain: a seed beyond 64 bits", other("seed=99999999999999999999"), "seed", make=CORPUS)


def zipped(*names: str) -> bytes:
    """A zip, as torch writes checkpoints, of files without sense."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"\x80\x02}q\x00.")
    return file.getvalue()


for name, content in {
    "empty": b"", "cut short": b"PK\x03\x04" + b"\x00" * 20, "text": b"hello",
    "an empty zip": zipped(), "a zip of nothing": zipped("archive/data.pkl", "archive/version"),
}.items():  # fmt: skip
    refuse(f"pretrain: a checkpoint that is {name}", PRETRAIN, r"o/checkpoint\.pt", writes=True,
           make=several(CORPUS, data("o/checkpoint.pt", content),
                        text("o/steps.jsonl", "")))  # fmt: skip

# Quantize.
work("quantize: sound weights", ["quantize", FILE, "q.safetensors.gz"], make=SOUND,
     leaves=("q.safetensors.gz",))  # fmt: skip
refuse("quantize: no file", ["quantize", "nope.safetensors", "q.gz"], "nope")
refuse("quantize: no arguments", ["quantize"], "weights|out|required|expected")
refuse("quantize: damaged weights", ["quantize", FILE, "q.gz"], r"model\.safetensors",
       make=data(FILE, b"x" * 99))  # fmt: skip
refuse("quantize: weights that are no numbers", ["quantize", FILE, "q.gz"], r"model\.safetensors",
       make=stored(NANS))  # fmt: skip
refuse("quantize: into no folder", ["quantize", FILE, "no/such/q.gz"], "no/such", make=SOUND)
refuse("quantize: into a folder", ["quantize", FILE, "w"], "w", make=SOUND)
refuse("quantize: onto a full disk", ["quantize", FILE, "disk/q.gz"], "disk|space", make=SOUND,
       disk=16, writes=True)  # fmt: skip
refuse("quantize: a folder", ["quantize", "w", "q.gz"], "w", make=SOUND)

# Describe.
refuse("describe: nothing of this name", ["describe", "nope"], "nope")
