"""Values of the config that are names, sizes and numbers no run can mean."""

from __future__ import annotations

from tests.hostile.case import Area, toy

AREA = Area("config values")
refuse, work = AREA.refuse, AREA.work

# Names become folders: one rule for all.
BAD_NAMES = {
    "with a slash": "a/b",
    "absolute": "{outside}/x",
    "above": "../../../outside/x",
    "of two dots": "'..'",
    "of a dot": "'.'",
    "empty": "''",
    "with a line break": '"a\\\nb"',
    "hidden": ".hidden",
    "with a bell": '"a\\\x07b"',
    "of 300 letters": "n" * 300,
    "with a space": "'a b'",
}
KEYS = ("mask.name", "model.name", "data.name", "sweep")
for kind, value in BAD_NAMES.items():
    refuse(f"mask's name {kind}", toy("mask=full", f"mask.name={value}"), "mask.name")
for key in KEYS[1:]:
    for kind in ("absolute", "above", "empty", "hidden", "with a line break"):
        refuse(f"{key} {kind}", toy(f"{key}={BAD_NAMES[kind]}"), f"{key}=")
refuse("runs empty", toy("runs=''"), "runs")
refuse("runs with a line break", toy('runs="a\nb"'), "runs")
refuse("runs is a file", toy("runs=records.jsonl"), "records.jsonl")
work("name of a number", toy("mask.name=3"), "1 of 1")
refuse("name of a list", toy("mask.name=[a]"), "mask.name")

# Numbers.
for key, value in {
    "seed": "-1", "train.epochs": "0", "train.batch_tokens": "0", "train.micro_tokens": "-4",
    "train.lr": "nan", "train.warmup": "1.5", "train.weight_decay": "inf", "train.clip": "-1",
    "train.beta1": "1.0", "train.beta2": "1.0", "model.layers": "0", "model.heads": "3",
    "model.context": "0", "data.size": "0", "data.test": "0", "data.validation": "-1",
    "score.every": "-1", "score.examples": "0", "score.response_tokens": "0",
    "score.batch_tokens": "0", "threads": "-1", "checkpoint_seconds": "-1",
    "mask.prompt_length": "-1", "data.distractor": "2",
}.items():  # fmt: skip
    refuse(f"{key}={value}", toy(f"{key}={value}"), key)
refuse("fraction of an epoch", toy("train.epochs=2.5"), "train.epochs")
refuse("word for a number", toy("train.epochs=many"), "train.epochs")
refuse("list for a number", toy("seed=[1,2]"), "seed")
refuse("null for a number", toy("seed=null"), "seed")
refuse("text of a number", toy("seed='5'"), "seed")
refuse("truth for a number", toy("seed=true"), "seed")
refuse("number for a truth", toy("force=3"), "force")
refuse("seed beyond 64 bits", toy("seed=99999999999999999999999999"), "seed")
refuse("data's seed beyond 64 bits", toy("data.seed=99999999999999999999999999"), "seed")

# Absurd sizes, which must be refused at once.
BUILTIN = ("data=builtin", "data.test=4", "data.validation=2", "data.template=plain",
           "data.size=6", "data.path=''")  # fmt: skip
refuse("more examples than there are", toy("data.size=huge"), "data.size=huge")
refuse("more of the built-in set than there are", toy(*BUILTIN, "data.size=20000"), "data.size")
refuse("a thousand million examples", toy(*BUILTIN, "data.size=1000000000"), "data.size")
refuse("a thousand million tests", toy(*BUILTIN, "data.test=1000000000"), "data.test|test=")
refuse("a thousand million validations", toy(*BUILTIN, "data.validation=1000000000"), "validation")
refuse("a thousand million families", toy(*BUILTIN, "data.test_families=1000000000"), "families")
refuse("prompts of a thousand million words", toy(*BUILTIN, "data.prompt_words=1000000000"),
       "data.prompt_words")  # fmt: skip
refuse("answers of a thousand million words", toy(*BUILTIN, "data.response_words=1000000000"),
       "data.response_words")  # fmt: skip
refuse("a million layers", toy("model.layers=1000000"), "model.layers|parameters")
refuse("width of a million", toy("model.width=1048576"), "model.width|parameters")
refuse("context of a thousand million", toy("model.context=1000000000"), "model.context|parameters")
refuse("a thousand million epochs", toy("train.epochs=1000000000"), "train.epochs")
refuse("a million epochs", toy("train.epochs=1000000"), "train.epochs")
refuse("100,000 threads", toy("threads=100000"), "threads")
refuse("answers of a thousand million tokens", toy("score.response_tokens=1000000000"),
       "score.response_tokens")  # fmt: skip
refuse("weight of 1e38", toy("mask.weight.response=1e38"), "mask.weight.response|mask.weight")
refuse("weight of 1e300", toy("mask.weight.response=1e300"), "mask.weight.response|mask.weight")
refuse("weight of infinity", toy("mask.weight.response=inf"), "mask.weight.response")
refuse("weight of 1e-300", toy("mask.weight.response=1e-300", "mask.weight.end=0"), "mask.weight")
refuse("rate of 1e30", toy("train.lr=1e30"), "train.lr")
refuse("decay of 1e300", toy("train.weight_decay=1e300"), "train.weight_decay")

# Choices.
for key, value in {
    "mask.importance": "beauty", "mask.turns": "second", "mask.schedule": "rising",
    "train.decay": "steep", "train.normalize": "mean", "train.precision": "fp8",
    "data.source": "filez", "data.too_long": "ignore", "data.template": "fancy",
    "model.tokenizer": "words", "device": "tpu", "retry": "all",
}.items():  # fmt: skip
    refuse(f"{key}={value}", toy(f"{key}={value}"), key)
refuse("a GPU that is not there", toy("device=cuda"), "device")
refuse("the 99th GPU", toy("device=cuda:99"), "device")
refuse("a claim that no sweep makes", toy("claim=zzz"), "claim")
refuse("no weight at all", toy("mask.weight={response: 0, end: 0}"), "mask")
refuse("weight of a role that the data lacks",
       toy("mask.weight={response: 0, end: 0, system: 1}"), "mask")  # fmt: skip
refuse("tiers that fall", toy("mask.tiers=[{top: 0.5, weight: 1}, {top: 0.2, weight: 1}]"), "tiers")
refuse("tier of a number", toy("mask.tiers=[3]"), "mask.tiers")
refuse("tier with another key", toy("mask.tiers=[{top: 0.5, weight: 1, wieght: 1}]"), "mask.tiers")
refuse("path for the built-in set", toy("data=builtin", "data.path=records.jsonl"), "data.path")
refuse("words of a file's prompts", toy("data.prompt_words=30"), "data.prompt_words")
refuse("families of a file", toy("data.test_families=5"), "data.test_families")
refuse("no path for a file", toy("data.path=''"), "data.path")
refuse("context of fewer tokens than any example", toy("model.context=2"), "model.context=2")
refuse("all examples dropped", toy("model.context=2", "data.too_long=drop"), "model.context=2")
work("nothing added to the tuned rates", toy("model.lr={}"), "1 of 1")
refuse("rates of words", toy("model.lr={small: 1e-3}"), "model.lr")
