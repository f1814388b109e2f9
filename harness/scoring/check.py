"""Machine checks of a response: small functions by name, each told its arguments as data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.config.registry import Registry
from harness.data import reasoning
from harness.data.example import Check

Arguments = Mapping[str, Any]

CHECKS: Registry[Callable[[str, str, Arguments], bool]] = Registry("check")
"""Response, reference and the check's arguments -> whether it passes."""


def _plain(text: str) -> str:
    """Lower case, white space folded, final punctuation gone."""
    return " ".join(text.lower().split()).rstrip(".!?;,")


@CHECKS.register("exact")
def _exact(response: str, reference: str, arguments: Arguments) -> bool:
    """The reference itself; `case` tells upper from lower."""
    if arguments.get("case"):
        return " ".join(response.split()) == " ".join(reference.split())
    return _plain(response) == _plain(reference)


@CHECKS.register("number")
def _number(response: str, _: str, arguments: Arguments) -> bool:
    """The only number in the response is `value`."""
    found = re.findall(r"-?\d+(?:\.\d+)?", response.replace(",", ""))
    return len(found) == 1 and float(found[0]) == arguments["value"]


@CHECKS.register("items")
def _items(response: str, _: str, arguments: Arguments) -> bool:
    """The list `values` in order, whatever separates it."""
    return [_plain(part) for part in re.split(r"[,;\n]+", response.strip())] == [
        _plain(v) for v in arguments["values"]
    ]


@CHECKS.register("some_of")
def _some_of(response: str, _: str, arguments: Arguments) -> bool:
    """`count` different members of `values` and nothing else."""
    parts = [_plain(part) for part in re.split(r"[,;\n]+", response.strip())]
    return len(parts) == len(set(parts)) == arguments["count"] and set(parts) <= set(
        arguments["values"]
    )


@CHECKS.register("starts_with")
def _starts_with(response: str, _: str, arguments: Arguments) -> bool:
    """`words` words, the first with `prefix`."""
    words = _plain(response).split()
    return (
        len(words) == arguments["words"]
        and words[0].isalpha()
        and words[0].startswith(arguments["prefix"])
    )


@CHECKS.register("contains_all")
def _contains_all(response: str, _: str, arguments: Arguments) -> bool:
    """Every one of `words` as a whole word."""
    return set(arguments["words"]) <= set(re.findall(r"\w+", response.lower()))


@CHECKS.register("word_count")
def _word_count(response: str, _: str, arguments: Arguments) -> bool:
    """`count` words."""
    return bool(len(response.split()) == arguments["count"])


@CHECKS.register("json")
def _json(response: str, _: str, arguments: Arguments) -> bool:
    """JSON equal to `value`, whatever its white space and order of keys."""
    try:
        return bool(json.loads(response) == arguments["value"])
    except json.JSONDecodeError:
        return False


@CHECKS.register(reasoning.KIND)
def _reasoning_gym(response: str, _: str, arguments: Arguments) -> bool:
    """The task's own scorer gives it all of its points."""
    return reasoning.reward(response, arguments) == 1.0


def verify(check: Check | None, response: str, reference: str) -> bool | None:
    """Whether a response passes its check; None where there is none, which is not a failure.

    Raises:
        UnknownName: no check has that name.
    """
    if check is None:
        return None
    return CHECKS.get(check.kind)(response, reference, check.args)
