"""Text from outside that a terminal or a page cannot be steered by. Imports nothing of ours."""

from __future__ import annotations

import unicodedata

FORMATTING = {"\u200c", "\u200d", "\u00ad"}
"""Characters of the class 'format' that scripts and emoji need; they turn no line around."""


def visible(text: str) -> str:
    """A text whose control, direction and other unseen characters can be seen.

    Line feeds and tabs stay. Control characters become their pictures (␛), the others their numbers
    (⟨U+202E⟩), so that no text moves a cursor, colours a terminal or turns a line around.
    """
    return "".join(map(_seen, text)) if not text.isascii() or _unprintable(text) else text


def _unprintable(text: str) -> bool:
    return not text.replace("\n", "").replace("\t", "").isprintable()


def _seen(character: str) -> str:
    if character in "\n\t" or character in FORMATTING:
        return character
    number = ord(character)
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    # Cc, Cf, Cs: control, format (direction, tags, byte-order mark) and half a surrogate pair.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return f"⟨U+{number:04X}⟩"
    return character
