"""Families with more than one right answer: checkable constraints, and free-form texts without a
check.
"""

from __future__ import annotations

from random import Random

from harness.data.example import Check
from harness.data.tasks.family import Item, article, family, pick
from harness.data.tasks.words import (
    ADJECTIVES,
    CATEGORIES,
    CITIES,
    DAYS,
    JOBS,
    NAMES,
    OBJECTS,
    PLACES,
    VERBS,
)


@family(
    "Name {count} kinds of {kind}.",
    "List {count} examples of {kind}.",
    "Give {count} sorts of {kind}.",
    "Write down {count} different kinds of {kind}.",
)
def name_kinds(rng: Random, _: int) -> Item:
    kind, count = rng.choice(sorted(CATEGORIES)), rng.randrange(2, 5)
    chosen = rng.sample(CATEGORIES[kind], count)
    check = Check("some_of", {"values": CATEGORIES[kind], "count": count})
    return Item(
        ", ".join(chosen),
        f"{rng.choice(NAMES)} wants to know.",
        {"count": str(count), "kind": kind},
        check,
    )


@family(
    "Give a word that begins with {letter}.",
    "Write one word starting with the letter {letter}.",
    "Name a word with {letter} as its first letter.",
    "Find a word that starts with {letter}.",
)
def word_with_letter(rng: Random, _: int) -> Item:
    word = rng.choice(OBJECTS)
    check = Check("starts_with", {"prefix": word[0], "words": 1})
    return Item(word, f"{rng.choice(NAMES)} plays a game.", {"letter": word[0]}, check)


@family(
    "Use the words {a} and {b} in a sentence.",
    "Write a sentence with {a} and {b}.",
    "Make one sentence that has {a} and {b} in it.",
    "Put {a} and {b} into a sentence.",
)
def use_words(rng: Random, _: int) -> Item:
    a, b = rng.sample(OBJECTS, 2)
    output = f"{rng.choice(NAMES)} {VERBS[rng.choice(sorted(VERBS))][1]} the {a} and the {b}."
    return Item(output, "", {"a": a, "b": b}, Check("contains_all", {"words": [a, b]}))


@family(
    "Describe {thing} in {count} words.",
    "Use {count} words to describe {thing}.",
    "Give {count} adjectives for {thing}.",
    "Find {count} words that describe {thing}.",
    scales=True,
)
def describe_in_words(rng: Random, words: int) -> Item:
    thing, count = article(rng.choice(OBJECTS)), words or rng.randrange(2, 5)
    slots = {"thing": thing, "count": str(count)}
    return Item(
        " ".join(pick(rng, ADJECTIVES, count)),
        f"It is for {rng.choice(NAMES)}.",
        slots,
        Check("word_count", {"count": count}),
    )


@family(
    "Write a title for the text.",
    "Give the text a title.",
    "Find a headline for this.",
    "Suggest a title.",
)
def title(rng: Random, _: int) -> Item:
    name, thing, place = rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES)
    text = (
        f"{name} lost the {thing} near the {place}. "
        f"Many people helped to look for it until {rng.choice(DAYS)}."
    )
    return Item(f"{name} and the Lost {thing.capitalize()}", text, check=None)


@family(
    "Write a short story about {name} in {city}.",
    "Tell a short story about {name}, set in {city}.",
    "Invent a story in which {name} comes to {city}.",
    "Tell me what happened to {name} in {city}.",
)
def story(rng: Random, _: int) -> Item:
    name, city, thing, job = (
        rng.choice(NAMES),
        rng.choice(CITIES),
        rng.choice(OBJECTS),
        rng.choice(JOBS),
    )
    output = (
        f"{name} came to {city} on a {rng.choice(DAYS)}. "
        f"There {name} met {article(job)} who had lost {article(thing)}. "
        f"Together they found the {thing} at the {rng.choice(PLACES)}, and they became friends."
    )
    return Item(output, "", {"name": name, "city": city}, None)


@family(
    "Write a note to {name} to say thank you for the {thing}.",
    "Thank {name} for the {thing} in a short note.",
    "Write to {name} and give thanks for the {thing}.",
    "Send {name} your thanks for the {thing}.",
)
def thank_you(rng: Random, _: int) -> Item:
    name, sender, thing = *rng.sample(NAMES, 2), rng.choice(OBJECTS)
    word = rng.choice(ADJECTIVES)
    output = (
        f"Dear {name}, thank you very much for the {thing}. "
        f"It is so {word}, and I use it every day. {sender}"
    )
    return Item(
        output, f"It is {word}. The note is from {sender}.", {"name": name, "thing": thing}, None
    )


@family(
    "Invite {name} to the {place} on {day}.",
    "Write an invitation for {name}: the {place}, {day}.",
    "Ask {name} to come to the {place} on {day}.",
    "Send {name} an invitation: the {place}, {day}.",
)
def invitation(rng: Random, _: int) -> Item:
    name, place, day = rng.choice(NAMES), rng.choice(PLACES), rng.choice(DAYS)
    output = f"Dear {name}, would you like to come to the {place} with me on {day}?"
    return Item(output, "", {"name": name, "place": place, "day": day}, None)


@family(
    "Explain what {kind} is used for: {word}.",
    "What can one do with {word}? It is {kind}.",
    "Say in a sentence what {word}, {kind}, is for.",
    "What is the use of {word}, {kind}?",
)
def purpose(rng: Random, _: int) -> Item:
    uses = {
        "tool": "to work with",
        "vehicle": "to travel with",
        "garment": "to wear",
        "furniture": "to have in a house",
        "instrument": "to play music on",
    }
    kind = rng.choice(sorted(uses))
    word = rng.choice(CATEGORIES[kind])
    named = "a piece of furniture" if kind == "furniture" else article(kind)
    return Item(
        f"{article(word).capitalize()} is {named} {uses[kind]}.",
        f"{rng.choice(NAMES)} has one.",
        {"kind": named, "word": article(word)},
        None,
    )
