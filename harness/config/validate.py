"""A composed mapping to a checked config, at one boundary. Collects every fault before it raises.
No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from harness.config.bounds import endless
from harness.config.commands import Assess, Export, Generate, Pretrain
from harness.config.hints import hint
from harness.config.launch_keys import PREFIX
from harness.config.names import data_name, folder_faults, name_faults
from harness.config.schema import SIZES, Data, Launch, Run
from harness.records.roles import ROLES


class ConfigError(ValueError):
    """Faults of a config, each one line: key, value got, values allowed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


Config = TypeVar("Config", Run, Pretrain, Assess, Generate, Export)


def parse(
    mapping: Mapping[str, Any],
    kind: type[Config],
    checks: Sequence[Callable[[Config], list[str]]] = (),
) -> Config:
    """Turn a plain, resolved mapping into a checked config.

    Raises:
        ConfigError: with every fault of types, names and values found.
    """
    data = mapping.get("data")
    if isinstance(data, Mapping) and data.get("name") == "auto":
        mapping = {**mapping, "data": {**data, "name": data_name(data.get("path"))}}
    try:
        # As JSON, since strict mode takes a dataclass from an object there, yet no "5" for a 5.
        config: Config = TypeAdapter(kind).validate_json(json.dumps(mapping))
    except ValidationError as error:
        raise ConfigError(_lines(error.errors(include_url=False))) from None
    faults = impossible(config) + [fault for check in checks for fault in check(config)]
    if faults:
        raise ConfigError(faults)
    return config


_BRANCHES = {"constrained-int", "constrained-float", "int", "float", "str", "literal"}
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
        hint = get_type_hints(kind)[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            found += keys(hint, key + ".")
    return found


def _nearest(key: str) -> str:
    known = [name for kind in (Run, Pretrain, Assess, Generate, Export) for name in keys(kind)]
    return f", {hint(key, known)}"


def impossible(config: Run | Pretrain | Assess | Generate | Export) -> list[str]:
    """Faults that only show when values are held against each other."""
    faults = []
    model = config.model
    if model.width % model.heads:
        divisors = [n for n in range(1, min(model.width, 64) + 1) if model.width % n == 0]
        faults.append(
            f"model.heads={model.heads}: "
            f"expected a divisor of model.width={model.width}, one of {divisors}"
        )
    device = config.launch.device if isinstance(config, Run) else getattr(config, "device", "auto")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        faults.append(f"device={device!r}: expected auto, cpu, cuda or cuda:N")
    if isinstance(config, Pretrain):
        faults += _uneven(config)
    if not isinstance(config, Run):
        return faults
    faults += _apart(config.launch)
    size = config.data.size
    if size not in (*SIZES, "full") if isinstance(size, str) else size < 1:
        faults.append(f"data.size={size}: expected {', '.join(SIZES)}, full or a number above 0")
    faults += _misplaced(config.data) + _unmeasurable(config)
    faults += endless(config)
    if config.train.lr == "auto" and not model.lr:
        faults.append("train.lr='auto': expected a number, since model.lr holds no tuned rates")
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
OF_BUILTIN = ("test_families", "prompt_words", "response_words", "distractor")
UNREAD = {
    "files": (*OF_BUILTIN, "named"),
    "builtin": (*OF_FILES, "validation_path", "columns", "named"),
    "named": (*OF_BUILTIN, *OF_FILES),
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
