"""Families whose answer is one of a few labels or a form that follows a rule."""

from __future__ import annotations

from random import Random

from harness.data.example import Check
from harness.data.tasks.family import COMMON, Item, article, family
from harness.data.tasks.words import (
    ANTONYMS,
    CATEGORIES,
    COLOURS,
    COMPLAINTS,
    DAYS,
    MONTHS,
    NAMES,
    OBJECTS,
    PLACES,
    PLURALS,
    PRAISE,
    VERBS,
)


@family(
    "Is the number odd or even?",
    "Say whether this number is odd or even.",
    "Odd or even?",
    "Tell me if the number below is odd or even.",
)
def parity(rng: Random, _: int) -> Item:
    number = rng.randrange(1, 10_000)
    return Item("even" if number % 2 == 0 else "odd", str(number))


@family(
    "Does the word {word} begin with a vowel? Answer yes or no.",
    "Say yes if the word {word} starts with a vowel, else no.",
    "Is the first letter of {word} a vowel?",
    "A vowel at the start of {word}, yes or no?",
)
def vowel_start(rng: Random, _: int) -> Item:
    words = [
        *OBJECTS,
        *VERBS,
        *PLURALS,
        *COLOURS,
        *PLACES,
        *(word for bank in CATEGORIES.values() for word in bank),
    ]
    wanted = rng.random() < 0.5
    word = rng.choice([word for word in words if (word[0] in "aeiou") == wanted])
    return Item(
        "yes" if wanted else "no", f"{rng.choice(NAMES)} wrote down: {word}", {"word": word}
    )


@family(
    "What kind of thing is the {word}?",
    "Which category does the word {word} belong to?",
    "Put the {word} into a category.",
    "To what group does a {word} belong?",
)
def category(rng: Random, _: int) -> Item:
    kind = rng.choice(sorted(CATEGORIES))
    word = rng.choice(CATEGORIES[kind])
    return Item(kind, f"{rng.choice(NAMES)} spoke of the {word}.", {"word": word})


@family(
    "Is this review positive or negative?",
    "Classify the review as positive or negative.",
    "What is the feeling of this review, positive or negative?",
    "Positive or negative?",
    often=COMMON,
)
def sentiment(rng: Random, _: int) -> Item:
    good = rng.random() < 0.5
    opening = f"I went to the {rng.choice(PLACES)} with {rng.choice(NAMES)}."
    return Item(
        "positive" if good else "negative",
        f"{opening} {rng.choice(PRAISE if good else COMPLAINTS)}",
    )


@family(
    "Which day comes after {day}?",
    "Name the day that follows {day}.",
    "What is the next day after {day}?",
    "It is {day} today. What day is tomorrow?",
)
def day_after(rng: Random, _: int) -> Item:
    place = rng.randrange(7)
    return Item(
        DAYS[(place + 1) % 7], f"{rng.choice(NAMES)} works on {DAYS[place]}.", {"day": DAYS[place]}
    )


@family(
    "Which day comes before {day}?",
    "Name the day that precedes {day}.",
    "What is the day just before {day}?",
    "It is {day} today. What day was yesterday?",
)
def day_before(rng: Random, _: int) -> Item:
    place = rng.randrange(7)
    return Item(
        DAYS[place - 1], f"{rng.choice(NAMES)} rests on {DAYS[place]}.", {"day": DAYS[place]}
    )


@family(
    "Which month comes after {month}?",
    "Name the month that follows {month}.",
    "What is the next month after {month}?",
    "If it is {month} now, which month is next?",
)
def month_after(rng: Random, _: int) -> Item:
    place = rng.randrange(12)
    return Item(
        MONTHS[(place + 1) % 12],
        f"{rng.choice(NAMES)} travels in {MONTHS[place]}.",
        {"month": MONTHS[place]},
    )


@family(
    "Which number is larger?",
    "Give the greater of the two numbers.",
    "Which of these numbers is bigger?",
    "Write the larger number.",
)
def larger_number(rng: Random, _: int) -> Item:
    first, second = rng.sample(range(1, 1000), 2)
    return Item(
        str(max(first, second)),
        f"{first} and {second}",
        check=Check("number", {"value": max(first, second)}),
    )


@family(
    "Did {name} go to the {place}? Answer yes or no.",
    "Answer yes or no: was {name} at the {place}?",
    "Is it true that {name} went to the {place}?",
    "Was it the {place} that {name} went to?",
)
def yes_no_passage(rng: Random, _: int) -> Item:
    names, places = rng.sample(NAMES, 2), rng.sample(PLACES, 2)
    place = rng.choice(places)
    text = f"{names[0]} went to the {places[0]}. {names[1]} went to the {places[1]}."
    return Item("yes" if place == places[0] else "no", text, {"name": names[0], "place": place})


@family(
    "What is the opposite of {word}?",
    "Give the antonym of {word}.",
    "Which word means the opposite of {word}?",
    "Name the contrary of {word}.",
)
def antonym(rng: Random, _: int) -> Item:
    word, opposite = rng.choice([*ANTONYMS.items(), *((b, a) for a, b in ANTONYMS.items())])
    return Item(opposite, f"{rng.choice(NAMES)} wrote the word {word}.", {"word": word})


@family(
    "What is the plural of {word}?",
    "Give the plural form of {word}.",
    "How do you write more than one {word}?",
    "Turn {word} into the plural.",
)
def plural(rng: Random, _: int) -> Item:
    word = rng.choice(sorted(PLURALS))
    return Item(PLURALS[word], f"{rng.choice(NAMES)} saw one {word}.", {"word": word})


@family(
    "Is the noun singular or plural?",
    "Say whether this noun is singular or plural.",
    "Singular or plural?",
    "Tell me the number of the noun, singular or plural.",
)
def grammatical_number(rng: Random, _: int) -> Item:
    word = rng.choice(sorted(PLURALS))
    many = rng.random() < 0.5
    return Item(
        "plural" if many else "singular",
        f"the {rng.choice(COLOURS)} {PLURALS[word] if many else word}",
    )


@family(
    "What is the past tense of {word}?",
    "Put the verb {word} into the past.",
    "Give the past form of {word}.",
    "How do you say {word} in the past?",
)
def past_form(rng: Random, _: int) -> Item:
    word = rng.choice(sorted(VERBS))
    return Item(
        VERBS[word][1],
        f"Today {rng.choice(NAMES)} will {word} the {rng.choice(OBJECTS)}.",
        {"word": word},
    )


@family(
    "Which article fits, a or an?",
    "Choose a or an for the gap.",
    "Fill the gap with a or an.",
    "Should it be a or an?",
)
def article_choice(rng: Random, _: int) -> Item:
    wanted = rng.random() < 0.5
    words = [*OBJECTS, *(word for words in CATEGORIES.values() for word in words)]
    word = rng.choice([word for word in words if (word[0] in "aeiou") == wanted])
    text = f"{rng.choice(NAMES)} has ___ {word}."
    return Item(article(word).split()[0], text)


@family(
    "Which word is longer?",
    "Write the longer of the two words.",
    "Pick the word with more letters.",
    "Which of these words has more letters?",
)
def longer_word(rng: Random, _: int) -> Item:
    first = rng.choice(OBJECTS)
    second = rng.choice([word for word in (*OBJECTS, *PLACES) if len(word) != len(first)])
    return Item(max(first, second, key=len), f"{first}, {second}")


@family(
    "Is it morning, afternoon, evening or night?",
    "Name the part of the day: morning, afternoon, evening or night.",
    "Which part of the day is this?",
    "What part of the day does the clock show?",
)
def part_of_day(rng: Random, _: int) -> Item:
    name, hours = rng.choice(
        [
            ("morning", range(6, 12)),
            ("afternoon", range(12, 18)),
            ("evening", range(18, 22)),
            ("night", range(5)),
        ]
    )
    return Item(name, f"{rng.choice(hours):02}:{rng.randrange(60):02}")


@family(
    "Is this a question or a statement?",
    "Classify the sentence: question or statement.",
    "Question or statement?",
    "Say whether the sentence is a question or a statement.",
    often=COMMON,
)
def question_or_statement(rng: Random, _: int) -> Item:
    name, place, day = rng.choice(NAMES), rng.choice(PLACES), rng.choice(DAYS)
    if rng.random() < 0.5:
        return Item("question", f"Did {name} walk to the {place} on {day}")
    return Item("statement", f"{name} walked to the {place} on {day}")


@family(
    "Is the {word} alive? Answer yes or no.",
    "Answer yes or no: is a {word} a living thing?",
    "Does a {word} live?",
    "Can a {word} be called alive, yes or no?",
)
def living(rng: Random, _: int) -> Item:
    animal = rng.random() < 0.5
    kind = (
        "animal"
        if animal
        else rng.choice(["tool", "vehicle", "garment", "furniture", "instrument", "metal"])
    )
    word = rng.choice(CATEGORIES[kind])
    return Item("yes" if animal else "no", f"{rng.choice(NAMES)} drew the {word}.", {"word": word})


@family(
    "Who is older?",
    "Which of the two is older?",
    "Name the older one.",
    "Tell me who has lived longer.",
)
def older(rng: Random, _: int) -> Item:
    names, ages = rng.sample(NAMES, 2), rng.sample(range(10, 90), 2)
    text = f"{names[0]} is {ages[0]} years old. {names[1]} is {ages[1]} years old."
    return Item(names[0] if ages[0] > ages[1] else names[1], text)
