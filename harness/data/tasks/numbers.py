"""Families that count and calculate."""

from __future__ import annotations

from random import Random

from harness.data.example import Check
from harness.data.tasks.family import COMMON, Item, family, pick
from harness.data.tasks.words import NAMES, NUMBER_WORDS, OBJECTS, PLURALS


def _number(
    value: int, input: str = "", slots: dict[str, str] | None = None, unit: str = ""
) -> Item:
    return Item(f"{value} {unit}".strip(), input, slots or {}, Check("number", {"value": value}))


@family(
    "What is {a} plus {b}?",
    "Add {a} and {b}.",
    "Calculate {a} + {b}.",
    "How much is {a} and {b} together?",
)
def add(rng: Random, _: int) -> Item:
    a, b = rng.randrange(1, 100), rng.randrange(1, 100)
    return _number(a + b, slots={"a": str(a), "b": str(b)})


@family(
    "What is {a} minus {b}?",
    "Subtract {b} from {a}.",
    "Calculate {a} - {b}.",
    "Take {b} away from {a}.",
)
def subtract(rng: Random, _: int) -> Item:
    b, a = sorted(rng.sample(range(1, 100), 2))
    return _number(a - b, slots={"a": str(a), "b": str(b)})


@family(
    "What is ten times {a}?",
    "Multiply {a} by ten.",
    "Calculate {a} * 10.",
    "Give ten times the number {a}.",
    often=COMMON,
)
def times_ten(rng: Random, _: int) -> Item:
    a = rng.randrange(1, 1000)
    return _number(a * 10, slots={"a": str(a)})


@family(
    "How many things are listed?",
    "Count the things in the list.",
    "How long is the list?",
    "Give the number of things in the list.",
)
def count_items(rng: Random, _: int) -> Item:
    count = rng.randrange(2, 8)
    return _number(count, ", ".join(pick(rng, OBJECTS, count)))


@family(
    "How many {things} does {name} have now?",
    "Count the {things} of {name}.",
    "Give the number of {things}.",
    "How many {things} are there in the end?",
)
def word_problem(rng: Random, _: int) -> Item:
    word = rng.choice(sorted(PLURALS))
    name, things = rng.choice(NAMES), PLURALS[word]
    a, b = rng.randrange(2, 10), rng.randrange(2, 10)
    return _number(
        a + b, f"{name} had {a} {things} and got {b} more.", {"name": name, "things": things}
    )


@family(
    "Convert {a} metres to centimetres.",
    "How many centimetres are {a} metres?",
    "Write {a} metres in centimetres.",
    "Give {a} metres as centimetres.",
    often=COMMON,
)
def metres(rng: Random, _: int) -> Item:
    a = rng.randrange(1, 1000)
    return _number(100 * a, slots={"a": str(a)}, unit="cm")


@family(
    "Convert {a} minutes to seconds.",
    "How many seconds are {a} minutes?",
    "Write {a} minutes in seconds.",
    "Give {a} minutes as seconds.",
)
def minutes(rng: Random, _: int) -> Item:
    a = rng.randrange(1, 60)
    return _number(
        60 * a, f"{rng.choice(NAMES)} waited {a} minutes.", {"a": str(a)}, unit="seconds"
    )


@family(
    "Write the number {a} as a word.",
    "Spell out the number {a}.",
    "How do you write {a} in letters?",
    "Give {a} in words.",
)
def number_word(rng: Random, _: int) -> Item:
    a = rng.randrange(len(NUMBER_WORDS))
    return Item(NUMBER_WORDS[a], f"{rng.choice(NAMES)} counted {a}.", {"a": str(a)})


@family(
    "Sort the numbers from small to large.",
    "Put the numbers in order, the smallest first.",
    "Order these numbers.",
    "Arrange the numbers by size, smallest first.",
    scales=True,
)
def sort_numbers(rng: Random, words: int) -> Item:
    numbers = rng.sample(range(1, 100 + words), words or rng.randrange(2, 5))
    ordered = [str(number) for number in sorted(numbers)]
    return Item(
        ", ".join(ordered), ", ".join(map(str, numbers)), check=Check("items", {"values": ordered})
    )


@family(
    "Count up from {a} to {b}.",
    "List the numbers from {a} to {b}.",
    "Write all numbers from {a} to {b}.",
    "Say the numbers {a} to {b} in order.",
    scales=True,
)
def count_up(rng: Random, words: int) -> Item:
    a = rng.randrange(1, 900)
    b = a + (words or rng.randrange(3, 7)) - 1
    numbers = [str(number) for number in range(a, b + 1)]
    return Item(
        ", ".join(numbers), "", {"a": str(a), "b": str(b)}, Check("items", {"values": numbers})
    )
