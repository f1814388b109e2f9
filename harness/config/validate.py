"""A composed mapping to a checked config, at one boundary. Collects every fault before it raises.
No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.config.bounds import endless
from harness.config.commands import Assess, Export, Generate, Pretrain
from harness.config.hints import hint
from harness.config.judge import Judge
from harness.config.kinds import schemas, types_of
from harness.config.launch import Launch
from harness.config.launch_keys import PREFIX
from harness.config.models import KINDS as MODELS
from harness.config.models import Model, Own, own_name
from harness.config.names import data_name, folder_faults, name_faults
from harness.config.schema import OWN_TEMPLATE, SIZES, Data, Run
from harness.records.roles import ROLES


class ConfigError(ValueError):
    """Faults of a config, each one line: key, value got, values allowed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


Config = TypeVar("Config", Run, Pretrain, Assess, Generate, Export, Judge)


def parse(
    mapping: Mapping[str, Any],
    kind: type[Config],
    checks: Sequence[Callable[[Config], list[str]]] = (),
) -> Config:
    """Turn a plain, resolved mapping into a checked config.

    Raises:
        ConfigError: with every fault of types, names and values found.
    """
    try:
        # As JSON, since strict mode takes a dataclass from an object there, yet no "5" for a 5.
        config: Config = TypeAdapter(kind).validate_json(json.dumps(resolved(mapping)))
    except ValidationError as error:
        raise ConfigError(_lines(error.errors(include_url=False))) from None
    faults = impossible(config) + [fault for check in checks for fault in check(config)]
    if faults:
        raise ConfigError(faults)
    return config


def resolved(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the values that stand for "auto", as far as other keys tell them."""
    data, model = mapping.get("data"), mapping.get("model")
    found = dict(mapping)
    own = isinstance(model, Mapping) and "path" in model
    if isinstance(model, Mapping) and own and model.get("name") == "auto":
        found["model"] = {**model, "name": own_name(model["path"])}
    if isinstance(data, Mapping):
        told = {}
        if data.get("name") == "auto":
            told["name"] = data_name(data.get("path"))
        if data.get("template") == "auto":
            ours = "headers" if data.get("source") == "builtin" else "alpaca"
            told["template"] = OWN_TEMPLATE if own else ours
        found["data"] = {**data, **told}
    return found


_BRANCHES = {"constrained-int", "constrained-float", "int", "float", "str", "literal", "Remote"}
_BRANCHES |= {model.__name__ for model in MODELS}
"""Names that pydantic puts into a fault's place for the branches of a union."""


def _lines(faults: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each faulty key: key=value: what was expected, in whichever branch of a
    union.
    """
    expected: dict[str, list[str]] = {}
    values: dict[str, object] = {}
    lines = []
    for fault in faults:
        # A key never has brackets or the names of our types.
        parts = [str(part) for part in fault["loc"]]
        key = ".".join(
            part for part in parts if re.fullmatch(r"[\w<|>-]+", part) and part not in _BRANCHES
        ).removeprefix(PREFIX)
        if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            lines.append(f"{key}={fault['input']!r}: no such key{_nearest(key)}")
        elif fault["type"] in ("missing", "missing_argument"):
            lines.append(f"{key}: missing")
        else:
            values[key] = fault["input"]
            said = str(fault["msg"]).removeprefix("Input should be ")
            expected.setdefault(key, []).append(said.replace("a valid array", "a list, [A,B]"))
    return lines + [
        f"{key}={values[key]!r}: expected {' or '.join(wanted)}" for key, wanted in expected.items()
    ]


def keys(kind: type, prefix: str = "") -> list[str]:
    """All dotted keys of a config class, groups included."""
    found = []
    for field in fields(kind):
        key = prefix + field.name
        found.append(key)
        for schema in schemas(types_of(kind)[field.name]):
            found += [name for name in keys(schema, key + ".") if name not in found]
    return found


def _nearest(key: str) -> str:
    known = [name for kind in (Run, Pretrain, Assess, Generate, Export) for name in keys(kind)]
    return f", {hint(key, known)}"


def impossible(config: Run | Pretrain | Assess | Generate | Export | Judge) -> list[str]:
    """Faults that only show when values are held against each other."""
    if isinstance(config, Judge):
        return []
    faults = _of_model(config)
    model = config.model
    device = config.launch.device if isinstance(config, Run) else getattr(config, "device", "auto")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        faults.append(f"device={device!r}: expected auto, cpu, cuda or cuda:N")
    if isinstance(config, Pretrain):
        faults += _uneven(config)
    if not isinstance(config, Run):
        return faults
    faults += _apart(config.launch)
    faults += _alone(config.launch) if isinstance(model, Own) else _ours(config)
    size = config.data.size
    if size not in (*SIZES, "full") if isinstance(size, str) else size < 1:
        faults.append(f"data.size={size}: expected {', '.join(SIZES)}, full or a number above 0")
    faults += _misplaced(config.data) + _unmeasurable(config)
    faults += endless(config)
    if not any(config.mask.weight.values()):
        faults.append(
            f"mask.weight={dict(config.mask.weight)}: "
            f"expected a weight above 0 for at least one of {ROLES}"
        )
    for key, name in (
        ("mask.name", config.mask.name),
        ("model.name", model.name),
        ("data.name", config.data.name),
        ("sweep", config.launch.sweep),
    ):
        faults += name_faults(key, name)
    faults += folder_faults("runs", config.launch.runs)
    tops = [tier.top for tier in config.mask.tiers]
    if tops != sorted(set(tops)):
        faults.append(f"mask.tiers: tops {tops}, expected rising fractions")
    return faults


def _of_model(config: Run | Pretrain | Assess | Generate | Export) -> list[str]:
    """Faults of the model, and of the command that is to take it."""
    model = config.model
    if isinstance(model, Model):
        if model.width % model.heads == 0:
            return []
        divisors = [n for n in range(1, min(model.width, 64) + 1) if model.width % n == 0]
        expected = f"a divisor of model.width={model.width}, one of {divisors}"
        return [f"model.heads={model.heads}: expected {expected}"]
    if isinstance(config, Pretrain):
        return [f"model={model.name}: a model of transformers, expected a GPT of ours"]
    if model.path.strip() or getattr(config, "run", ""):
        return []
    return ["model.path='': expected a folder, a .gguf file or owner/name[@revision] of the hub"]


def _unmeasurable(run: Run) -> list[str]:
    """Faults of what is to be measured."""
    faults = [
        f"score.also.{name}: expected a name of letters, digits and underscores"
        for name in run.score.also or {}
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
    ]
    if run.score.calibration and not run.data.validation:
        faults.append(
            "score.calibration=true: its temperature is fitted on validation, expected "
            "data.validation above 0"
        )
    return faults


def _uneven(config: Pretrain) -> list[str]:
    """Faults of batches that do not fall into whole contexts and micro-batches."""
    context, micro = config.model.context, config.micro_tokens
    faults = [
        f"{key}={tokens}: expected a multiple of model.context={context}"
        for key, tokens in (("micro_tokens", micro), ("batch_tokens", config.batch_tokens))
        if tokens % context
    ]
    if not faults and config.batch_tokens % micro:
        faults.append(
            f"batch_tokens={config.batch_tokens}: expected a multiple of micro_tokens={micro}"
        )
    return faults


OF_FILES = ("path", "mix", "test_path")
OF_RECORDS = ("columns", "group", "strip")
OF_BUILTIN = ("test_families", "prompt_words", "response_words", "distractor")
UNREAD = {
    "files": (*OF_BUILTIN, "named"),
    "builtin": (*OF_FILES, *OF_RECORDS, "validation_path", "named"),
    "named": (*OF_BUILTIN, *OF_FILES),
    "reasoning_gym": (
        *OF_BUILTIN,
        *OF_RECORDS,
        "mix",
        "validation_path",
        "test_path",
        "named",
    ),
}
"""Source -> keys of `data` that it does not read; a plugin's may read all of them."""


def _apart(launch: Launch) -> list[str]:
    """Faults of a run over several GPUs: it names none of them, and is in no stack."""
    faults = []
    if launch.gpus > 1 and launch.device.startswith("cuda:"):
        faults.append(
            f"device={launch.device!r}: expected auto, cuda or cpu with gpus={launch.gpus}"
        )
    if launch.gpus > 1 and launch.stack not in ("auto", 1):
        faults.append(f"stack={launch.stack}: expected auto or 1 with gpus={launch.gpus}")
    return faults


def _alone(launch: Launch) -> list[str]:
    """Faults of a model of transformers: it trains alone, one run on one device."""
    return [
        f"{key}={value}: expected 1 with a model of transformers"
        for key, value in (("stack", launch.stack), ("gpus", launch.gpus))
        if value not in ("auto", 1)
    ]


def _ours(config: Run) -> list[str]:
    """Faults of a GPT of ours: it has no chat template, and is small enough to train whole."""
    faults = []
    if config.data.template == OWN_TEMPLATE:
        faults.append(
            f"data.template={OWN_TEMPLATE!r}: model={config.model.name} has none, expected a model "
            "of transformers, model=hf, or another template"
        )
    if config.train.adapter != "none":
        faults.append(
            f"train.adapter={config.train.adapter!r}: expected none with model="
            f"{config.model.name}, or a model of transformers, model=hf"
        )
    return faults


def _misplaced(data: Data) -> list[str]:
    """Faults of keys that the source would not read, and of files without a path."""
    faults = []
    if data.source == "files" and (not data.path or data.path == [""]):
        faults.append("data.path='': expected a file, a folder, hf:owner/name or a list of these")
    for key in UNREAD.get(data.source, ()):
        value = getattr(data, key)
        expected = "data=builtin" if key in OF_BUILTIN else "data=file"
        if value:
            faults.append(
                f"data.{key}={value!r}: the set {data.source} takes none, expected {expected}"
            )
    return faults
