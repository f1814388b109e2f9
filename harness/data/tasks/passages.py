"""Families that read: extraction, look-up, filling in, copying out of a passage or table."""

from __future__ import annotations

from random import Random

from harness.data.example import Check
from harness.data.tasks.family import COMMON, Item, family, pick
from harness.data.tasks.words import (
    ADJECTIVES,
    CITIES,
    COLOURS,
    DAYS,
    JOBS,
    MONTHS,
    NAMES,
    OBJECTS,
    PLACES,
    VERBS,
)


def errand(rng: Random) -> dict[str, str]:
    """The parts of a small event."""
    return {
        "name": rng.choice(NAMES),
        "object": rng.choice(OBJECTS),
        "city": rng.choice(CITIES),
        "day": rng.choice(DAYS),
        "colour": rng.choice(COLOURS),
        "count": str(rng.randrange(2, 100)),
    }


def tell(rng: Random, parts: dict[str, str]) -> str:
    """The event in one of several sentences."""
    form = rng.choice(
        [
            "On {day}, {name} bought {count} {colour} boxes and one {object} in {city}.",
            "{name} went to {city} on {day} with one {object} and {count} {colour} boxes.",
            "In {city}, {name} sold one {object} and {count} {colour} boxes last {day}.",
            "Last {day} {name} found one {object} and {count} {colour} boxes in {city}.",
        ]
    )
    return form.format(**parts)


def _extract(rng: Random, key: str) -> Item:
    parts = errand(rng)
    return Item(parts[key], tell(rng, parts))


@family(
    "Who is mentioned in the text?",
    "Find the name of the person.",
    "Which person does the text name?",
    "Extract the person's name.",
)
def extract_name(rng: Random, _: int) -> Item:
    return _extract(rng, "name")


@family(
    "Which city is mentioned in the text?",
    "Find the name of the city.",
    "In which city did it happen?",
    "Extract the city.",
)
def extract_city(rng: Random, _: int) -> Item:
    return _extract(rng, "city")


@family(
    "How many boxes are there?",
    "Find the number of boxes.",
    "Extract the number from the text.",
    "Which number is in the text?",
)
def extract_number(rng: Random, _: int) -> Item:
    return _extract(rng, "count")


@family(
    "On which day did it happen?",
    "Find the day of the week.",
    "Extract the day.",
    "Which day is mentioned in the text?",
)
def extract_day(rng: Random, _: int) -> Item:
    return _extract(rng, "day")


@family(
    "What colour are the boxes?",
    "Find the colour.",
    "Extract the colour from the text.",
    "Which colour is mentioned?",
)
def extract_colour(rng: Random, _: int) -> Item:
    return _extract(rng, "colour")


@family(
    "What does the {thing} cost?",
    "Find the price of the {thing}.",
    "Look up the price of the {thing}.",
    "How much is the {thing}?",
)
def lookup_price(rng: Random, _: int) -> Item:
    things, prices = rng.sample(OBJECTS, 3), rng.sample(range(2, 100), 3)
    place = rng.randrange(3)
    table = "\n".join(f"{thing} | {price}" for thing, price in zip(things, prices, strict=True))
    return Item(
        str(prices[place]),
        table,
        {"thing": things[place]},
        Check("number", {"value": prices[place]}),
    )


@family(
    "Who owns the {thing}?",
    "Find the owner of the {thing}.",
    "Look up who has the {thing}.",
    "To whom does the {thing} belong?",
)
def lookup_owner(rng: Random, _: int) -> Item:
    things, owners = rng.sample(OBJECTS, 3), rng.sample(NAMES, 3)
    place = rng.randrange(3)
    table = "\n".join(f"{thing} | {owner}" for thing, owner in zip(things, owners, strict=True))
    return Item(owners[place], table, {"thing": things[place]})


@family(
    "What is the job of {name}?",
    "Look up the job of {name}.",
    "What work does {name} do?",
    "Find out what {name} works as.",
)
def lookup_job(rng: Random, _: int) -> Item:
    names, jobs = rng.sample(NAMES, 2), rng.sample(JOBS, 2)
    place = rng.randrange(2)
    text = " ".join(f"{name} works as a {job}." for name, job in zip(names, jobs, strict=True))
    return Item(jobs[place], text.replace("a artist", "an artist"), {"name": names[place]})


@family(
    "Is the statement true or false? {claim}",
    "True or false: {claim}",
    "Check the claim: {claim}",
    "Say true or false. {claim}",
)
def true_or_false(rng: Random, _: int) -> Item:
    parts = errand(rng)
    right = rng.random() < 0.5
    city = (
        parts["city"] if right else rng.choice([city for city in CITIES if city != parts["city"]])
    )
    return Item(
        "true" if right else "false", tell(rng, parts), {"claim": f"{parts['name']} was in {city}."}
    )


@family(
    "Fill in the form with the words given.",
    "Complete the sentence with the given words.",
    "Put the words into the gaps in order.",
    "Fill each gap with the next word.",
    often=COMMON,
)
def fill_slots(rng: Random, _: int) -> Item:
    name, thing, place = rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES)
    form = rng.choice(
        [
            "___ left the ___ at the ___.",
            "___ took the ___ to the ___.",
            "___ saw a ___ near the ___.",
        ]
    )
    output = form
    for word in (name, thing, place):
        output = output.replace("___", word, 1)
    return Item(output, f"{form}\n{name}, {thing}, {place}")


@family(
    "What is the first word?",
    "Write the first word of the text.",
    "Give only the first word.",
    "Which word stands first?",
    often=COMMON,
)
def first_word(rng: Random, _: int) -> Item:
    words = pick(rng, [*OBJECTS, *PLACES, *ADJECTIVES], rng.randrange(3, 6))
    return Item(words[0], " ".join(words))


@family(
    "What is the second word?",
    "Write the second word of the text.",
    "Give only the second word.",
    "Which word stands second?",
)
def second_word(rng: Random, _: int) -> Item:
    words = pick(rng, [*OBJECTS, *PLACES, *ADJECTIVES], rng.randrange(3, 6))
    return Item(words[1], " ".join(words))


@family(
    "What is the last word?",
    "Write the last word of the text.",
    "Give only the final word.",
    "Which word stands last?",
)
def last_word(rng: Random, _: int) -> Item:
    words = pick(rng, [*OBJECTS, *PLACES, *ADJECTIVES], rng.randrange(3, 6))
    return Item(words[-1], " ".join(words))


@family(
    "Repeat the sentence.",
    "Copy the text exactly.",
    "Write the same sentence again.",
    "Say this again.",
    scales=True,
    often=COMMON,
)
def copy_text(rng: Random, words: int) -> Item:
    said = tell(rng, errand(rng)).split()
    while len(said) < words:
        said += tell(rng, errand(rng)).split()
    text = " ".join(said[: words or None])
    return Item(text, text)


@family(
    "List everything that {name} bought.",
    "Write down the things that {name} bought, in order.",
    "Which things did {name} buy?",
    "Make a list of what {name} bought.",
    scales=True,
)
def list_things(rng: Random, words: int) -> Item:
    things = pick(rng, OBJECTS, words or rng.randrange(2, 5))
    name, place = rng.choice(NAMES), rng.choice(PLACES)
    text = (
        f"{name} went to the {place} and bought "
        + ", then ".join(f"a {thing}" for thing in things)
        + "."
    )
    text = text.replace("a apple", "an apple")
    return Item(", ".join(things), text, {"name": name}, Check("items", {"values": things}))


@family(
    "When is the meeting?",
    "Find the date of the meeting.",
    "Extract the date.",
    "On what date do they meet?",
    often=COMMON,
)
def extract_date(rng: Random, _: int) -> Item:
    date = f"{rng.randrange(1, 29)} {rng.choice(MONTHS)} {rng.randrange(1950, 2030)}"
    names = rng.sample(NAMES, 2)
    where = f"in {rng.choice(CITIES)} on {date}, near the {rng.choice(PLACES)}"
    return Item(date, f"{names[0]} will meet {names[1]} {where}.")


@family(
    "What did {name} {verb}?",
    "Name the thing that {name} had to {verb}.",
    "Which thing did {name} {verb}?",
    "Find what {name} wanted to {verb}.",
)
def find_object(rng: Random, _: int) -> Item:
    names, things, verbs = (
        rng.sample(NAMES, 2),
        rng.sample(OBJECTS, 2),
        rng.sample(sorted(VERBS), 2),
    )
    text = " ".join(f"{names[n]} {VERBS[verbs[n]][1]} the {things[n]}." for n in range(2))
    place = rng.randrange(2)
    return Item(things[place], text, {"name": names[place], "verb": verbs[place]})
