"""Records with the lengths of Alpagasus' where the real ones are not at hand."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

PROMPT_WORDS = (4, 7, 9, 10, 12, 14, 16, 18, 21, 26, 60)
RESPONSE_WORDS = (1, 2, 5, 8, 10, 15, 23, 38, 53, 77, 200)
"""Deciles of the words of a prompt and of a response among the 5,301 records of Alpagasus; the last
tenth is cut short.
"""

VOCABULARY = (
    "a about after and any are as at be been but by can come could day did do down each find first"
    " for from get give go good had has have he her him his how if in into is it its just know like"
    " little long look made make many may me more most much must my new no not now of on one only"
    " or other our out over part people place right said same say see she should show small so some"
    " such take tell than that the their them then there these they thing think this time to two up"
    " use very want was water way we well went were what when where which while who will with word"
    " work world would write year you your"
).split()


def _length(deciles: Sequence[int], draws: random.Random) -> int:
    """A length between two deciles, each tenth as probable."""
    place = draws.randrange(len(deciles) - 1)
    return draws.randint(deciles[place], deciles[place + 1])


def write_records(path: Path, count: int, seed: int = 0) -> Path:
    """Write `count` different records of common words, and return the path."""
    draws = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            asked = draws.choices(VOCABULARY, k=_length(PROMPT_WORDS, draws))
            said = draws.choices(VOCABULARY, k=_length(RESPONSE_WORDS, draws))
            record = {"instruction": " ".join([f"{number}", *asked]), "output": " ".join(said)}
            file.write(json.dumps(record) + "\n")
    return path
