"""Families that change text: letters, order, form, grammar, format."""

from __future__ import annotations

import json
from random import Random

from harness.data.example import Check
from harness.data.tasks.family import COMMON, Item, family, pick
from harness.data.tasks.words import (
    ADJECTIVES,
    CATEGORIES,
    CITIES,
    JOBS,
    MONTHS,
    NAMES,
    OBJECTS,
    PLACES,
    VERBS,
)

WORDS = sorted({*OBJECTS, *PLACES, *JOBS})


@family(
    "Spell the word {word}.",
    "Write {word} letter by letter.",
    "Separate the letters of {word} with dashes.",
    "How is {word} spelled?",
)
def spell(rng: Random, _: int) -> Item:
    word = rng.choice([*WORDS, *(word for bank in CATEGORIES.values() for word in bank), *VERBS])
    return Item("-".join(word), f"{rng.choice(NAMES)} asked about {word}.", {"word": word})


@family(
    "Sort the words in alphabetical order.",
    "Put the words into alphabetical order.",
    "Order these words from A to Z.",
    "Arrange the words alphabetically.",
    scales=True,
)
def sort_words(rng: Random, words: int) -> Item:
    chosen = pick(rng, WORDS, words or rng.randrange(2, 5))
    ordered = sorted(chosen)
    return Item(", ".join(ordered), ", ".join(chosen), check=Check("items", {"values": ordered}))


@family(
    "Write the words in reverse order.",
    "Reverse the order of the words.",
    "Turn the list around.",
    "Give the words from last to first.",
    scales=True,
)
def reverse_words(rng: Random, words: int) -> Item:
    chosen = pick(rng, WORDS, words or rng.randrange(2, 5))
    return Item(" ".join(reversed(chosen)), " ".join(chosen))


@family(
    "Write the words in capital letters.",
    "Put this into upper case.",
    "Turn all letters into capitals.",
    "Use capital letters only.",
    scales=True,
)
def upper_case(rng: Random, words: int) -> Item:
    text = " ".join(pick(rng, WORDS, words or rng.randrange(1, 4)))
    return Item(text.upper(), text, check=Check("exact", {"case": True}))


@family(
    "Write the words in small letters.",
    "Put this into lower case.",
    "Turn all capitals into small letters.",
    "Use small letters only.",
    scales=True,
)
def lower_case(rng: Random, words: int) -> Item:
    text = " ".join(pick(rng, WORDS, words or rng.randrange(1, 4)))
    return Item(text, text.upper(), check=Check("exact", {"case": True}))


@family(
    "Join the words with a plus sign.",
    "Put a plus sign between the words.",
    "Connect the words by plus signs.",
    "Write the words with plus signs between them.",
    scales=True,
)
def join_words(rng: Random, words: int) -> Item:
    chosen = pick(rng, WORDS, words or rng.randrange(2, 5))
    return Item(" + ".join(chosen), " ".join(chosen))


@family(
    "Remove the word {word} from the text.",
    "Delete {word}.",
    "Write the text without the word {word}.",
    "Leave out the word {word}.",
)
def remove_word(rng: Random, _: int) -> Item:
    chosen = pick(rng, WORDS, rng.randrange(3, 6))
    word = rng.choice(chosen)
    return Item(
        " ".join(other for other in chosen if other != word), " ".join(chosen), {"word": word}
    )


@family(
    "Replace {old} by {new}.",
    "Change the word {old} to {new}.",
    "Put {new} where {old} stands.",
    "Write the text with {new} instead of {old}.",
    often=COMMON,
)
def replace_word(rng: Random, _: int) -> Item:
    name, old, new, place = rng.choice(NAMES), *rng.sample(OBJECTS, 2), rng.choice(PLACES)
    text = f"{name} lost the {old} near the {place}."
    return Item(text.replace(old, new), text, {"old": old, "new": new})


@family(
    "Put the sentence into the past tense.",
    "Rewrite the sentence in the past.",
    "Say that it happened yesterday.",
    "Change the verb to the past tense.",
    often=COMMON,
)
def past_tense(rng: Random, _: int) -> Item:
    name, thing, verb = rng.choice(NAMES), rng.choice(OBJECTS), VERBS[rng.choice(sorted(VERBS))]
    return Item(f"{name} {verb[1]} the {thing}.", f"{name} {verb[0]} the {thing}.")


@family(
    "Put the sentence into the future tense.",
    "Rewrite the sentence in the future.",
    "Say that it will happen tomorrow.",
    "Change the verb to the future tense.",
    often=COMMON,
)
def future_tense(rng: Random, _: int) -> Item:
    base = rng.choice(sorted(VERBS))
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    return Item(f"{name} will {base} the {thing}.", f"{name} {VERBS[base][0]} the {thing}.")


@family(
    "Put the sentence into the passive voice.",
    "Rewrite the sentence in the passive.",
    "Turn the active sentence into a passive one.",
    "Use the passive voice.",
    often=COMMON,
)
def passive_voice(rng: Random, _: int) -> Item:
    name, thing, verb = rng.choice(NAMES), rng.choice(OBJECTS), VERBS[rng.choice(sorted(VERBS))]
    return Item(f"The {thing} was {verb[2]} by {name}.", f"{name} {verb[1]} the {thing}.")


@family(
    "Make the sentence negative.",
    "Negate the sentence.",
    "Say that it did not happen.",
    "Turn this into a negative sentence.",
)
def negate(rng: Random, _: int) -> Item:
    base = rng.choice(sorted(VERBS))
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    return Item(f"{name} did not {base} the {thing}.", f"{name} {VERBS[base][1]} the {thing}.")


@family(
    "Turn the statement into a question.",
    "Ask whether this is so.",
    "Make a yes-no question of the sentence.",
    "Rewrite the sentence as a question.",
    often=COMMON,
)
def make_question(rng: Random, _: int) -> Item:
    base = rng.choice(sorted(VERBS))
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    return Item(f"Did {name} {base} the {thing}?", f"{name} {VERBS[base][1]} the {thing}.")


@family(
    "Which word does not belong with the others?",
    "Find the odd one out.",
    "Which of these is different?",
    "Name the word that does not fit.",
)
def odd_one_out(rng: Random, _: int) -> Item:
    kind, other = rng.sample(sorted(CATEGORIES), 2)
    odd = rng.choice(CATEGORIES[other])
    words = [*rng.sample(CATEGORIES[kind], 3), odd]
    rng.shuffle(words)
    return Item(odd, ", ".join(words))


@family(
    "Write the date as year-month-day with digits.",
    "Put the date into the form YYYY-MM-DD.",
    "Give the date in ISO format.",
    "Write this date in digits, year first.",
)
def iso_date(rng: Random, _: int) -> Item:
    day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1950, 2030)
    return Item(f"{year}-{month:02}-{day:02}", f"{day} {MONTHS[month - 1]} {year}")


@family(
    "Write the list as one line with semicolons.",
    "Turn the lines into a line with semicolons.",
    "Join the lines with semicolons.",
    "Make one line of the list, with semicolons.",
    scales=True,
)
def lines_to_row(rng: Random, words: int) -> Item:
    chosen = pick(rng, [*OBJECTS, *CITIES], words or rng.randrange(2, 5))
    return Item("; ".join(chosen), "\n".join(chosen))


@family(
    "Write the list with one item on each line.",
    "Put each item on a line of its own.",
    "Split the list into lines.",
    "Turn the list into lines.",
    scales=True,
)
def row_to_lines(rng: Random, words: int) -> Item:
    chosen = pick(rng, [*OBJECTS, *CITIES], words or rng.randrange(2, 5))
    return Item("\n".join(chosen), ", ".join(chosen), check=Check("items", {"values": chosen}))


@family(
    "Write the record as JSON with the keys name, job and city.",
    "Turn this into JSON: name, job, city.",
    "Make a JSON object of the sentence with name, job and city.",
    "Give name, job and city as JSON.",
)
def to_json(rng: Random, _: int) -> Item:
    record = {"name": rng.choice(NAMES), "job": rng.choice(JOBS), "city": rng.choice(CITIES)}
    text = f"{record['name']} works in {record['city']} as a {record['job']}.".replace(
        "a artist", "an artist"
    )
    return Item(json.dumps(record), text, check=Check("json", {"value": record}))


@family(
    "What are the initials?",
    "Give the initials of the name.",
    "Write only the first letters of the names.",
    "Shorten the name to its initials.",
)
def initials(rng: Random, _: int) -> Item:
    chosen = rng.sample(NAMES, rng.choice([2, 2, 3]))
    return Item("".join(name[0] for name in chosen), " ".join(chosen))


@family(
    "Put the word {word} before the noun.",
    "Add the adjective {word} before the noun.",
    "Describe the noun as {word}.",
    "Insert {word} in front of the noun.",
    often=COMMON,
)
def add_adjective(rng: Random, _: int) -> Item:
    name, thing, word = rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(ADJECTIVES)
    return Item(f"{name} has the {word} {thing}.", f"{name} has the {thing}.", {"word": word})
