"""What a response does, whatever it says: rates that a wrong mask moves first."""

from __future__ import annotations

ECHO_WORDS = 4
REPEATS = 3


def echoed(response: str, instruction: str, reference: str) -> bool:
    """Whether the response opens with four words in a row of the instruction, and the reference
    does not.
    """
    return _opens_with(response, instruction) and not _opens_with(reference, instruction)


def _opens_with(text: str, source: str) -> bool:
    opening = text.split()[:ECHO_WORDS]
    if len(opening) < ECHO_WORDS:
        return False
    words = source.split()
    return any(words[place : place + ECHO_WORDS] == opening for place in range(len(words)))


def repeated(response: str) -> bool:
    """Whether some run of one to four words stands three times in a row."""
    words = response.split()
    return any(
        words[place : place + size]
        == words[place + size : place + 2 * size]
        == words[place + 2 * size : place + 3 * size]
        for size in range(1, 5)
        for place in range(len(words) - REPEATS * size + 1)
    )
