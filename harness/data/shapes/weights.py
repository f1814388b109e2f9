"""What records say of loss weights, in all spellings of the field, as one float a stretch of text.

| key | of | value |
|---|---|---|
| `weight` | OpenAI, axolotl's content parts | 0 or 1, or any number of 0 or more |
| `train` | axolotl, messages and content parts | true or false |
| `train_detail` | axolotl, messages | `[{begin_offset, end_offset, train}]`, both ends included |
| `trainable` | tinker | true or false |
| `loss` | ms-swift | true or false |
| `loss_scale` | ms-swift | a number of 0 or more |

Where nothing is said, an answer weighs 1 and everything else 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.data.errors import DataError
from harness.data.example import Span
from harness.data.values import kind, number, truth

NUMBERS = ("weight", "loss_scale")
SWITCHES = ("train", "trainable", "loss")
DETAIL = "train_detail"


class Stated(NamedTuple):
    """What a message or a part of one says of its weight.

    Attributes:
        weight: the weight.
        key: the key that says so; "" where none does.
    """

    weight: float
    key: str


def stated(fields: Mapping[str, object], place: str) -> Stated | None:
    """The weight that a message or a part states; None where it states none.

    Raises:
        DataError: a value is no weight, or two keys contradict each other.
    """
    found: Stated | None = None
    for key in NUMBERS:
        if key in fields:
            found = _agreed(found, Stated(number(fields[key], key, place), key), place)
    for key in SWITCHES:
        if key in fields:
            trained = truth(fields[key], key, place)
            if found is None or found.key in SWITCHES or trained != (found.weight > 0):
                found = _agreed(found, Stated(float(trained), key), place)
    return found


def _agreed(first: Stated | None, second: Stated, place: str) -> Stated:
    if first is not None and first.weight != second.weight:
        raise DataError(
            f"{place}: {first.key} says {first.weight:g} and {second.key} says {second.weight:g}, "
            "expected one weight"
        )
    return second


def refined(whole: Stated | None, part: Stated | None, default: float, place: str) -> float:
    """The weight of a part of a message that states a weight of its own, or none.

    Raises:
        DataError: the message's is neither 1 nor the part's.
    """
    if part is None:
        return default if whole is None else whole.weight
    if whole is not None and whole.weight not in (1.0, part.weight):
        raise DataError(
            f"{place}: the message's {whole.key} says {whole.weight:g} and the part's {part.key} "
            f"says {part.weight:g}, expected one weight"
        )
    return part.weight


def detailed(
    fields: Mapping[str, object], content: str, default: float, place: str
) -> list[tuple[str, float]]:
    """The stretches of a message's text with their weights, as its `train_detail` has them.

    Raises:
        DataError: it is not a list of stretches in order within the text.
    """
    items = fields[DETAIL]
    if not isinstance(items, list):
        raise DataError(f"{place}: {DETAIL} is {kind(items)}, expected a list")
    pieces: list[tuple[str, float]] = []
    done = 0
    for item in items:
        begin, end = (
            item.get(key) if isinstance(item, dict) else None
            for key in ("begin_offset", "end_offset")
        )
        if not (isinstance(begin, int) and isinstance(end, int)) or not done <= begin <= end < len(
            content
        ):
            raise DataError(
                f"{place}: {DETAIL} has {kind(item)} for begin_offset={begin} end_offset={end}, "
                f"expected offsets in order within the text's {len(content)} characters"
            )
        weight = float(truth(item.get("train"), f"{DETAIL}.train", place))
        pieces += [(content[done:begin], default), (content[begin : end + 1], weight)]
        done = end + 1
    return [*pieces, (content[done:], default)]


def spans(pieces: Sequence[tuple[str, float]]) -> tuple[Span, ...]:
    """Lengths and weights of texts that follow each other; neighbours of equal weight are one."""
    found: list[Span] = []
    for piece, weight in pieces:
        if found and found[-1].weight == weight:
            found[-1] = Span(found[-1].length + len(piece), weight)
        elif piece:
            found.append(Span(len(piece), weight))
    return tuple(found)
