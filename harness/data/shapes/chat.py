"""Lists of messages: `messages`, `conversations`, and prompts or completions that are lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from harness.data.errors import DataError
from harness.data.example import Example, Message, Speaker
from harness.data.shapes.weights import (
    DETAIL,
    NUMBERS,
    SWITCHES,
    Stated,
    detailed,
    refined,
    spans,
    stated,
)
from harness.data.values import keys, kind, quoted, text

SPEAKERS: dict[str, Speaker] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "tool": "tool",
}
"""A message's role or its `from` -> who spoke."""

THOUGHTS = ("reasoning_content", "thinking", "reasoning")
"""Keys of an assistant's message that hold its thoughts, of which a message has one."""

TEXTS = ("content", "value", "tool_calls", *THOUGHTS)
READ = frozenset(("role", "from", *TEXTS, *NUMBERS, *SWITCHES, DETAIL))
"""Keys of a message that are read."""

FOLLOWS: dict[str, tuple[Speaker, ...]] = {
    "": ("system", "user"),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("tool", "assistant"),
}
"""Speaker -> who may speak next; "" before the first message."""


def messages(fields: Mapping[str, object], place: str) -> Example:
    """An example from `messages` or `conversations`; a key `system` beside them opens it."""
    key = "messages" if "messages" in fields else "conversations"
    return conversation([*opening(fields, place), *message_list(fields[key], key, place)], place)


def opening(fields: Mapping[str, object], place: str) -> list[Message]:
    """The system message that a record's key `system` holds, if it holds one."""
    said = text(fields.get("system", ""), "system", place)
    return [Message("system", said)] if said else []


def conversation(said: Sequence[Message], place: str) -> Example:
    """An example from messages whose order is checked.

    Raises:
        DataError: the speakers do not take turns, or the last is not the assistant.
    """
    before = ""
    for number, message in enumerate(said):
        if message.speaker not in FOLLOWS[before]:
            raise DataError(
                f"{place}: message {number} is of {message.speaker!r}, "
                f"expected {' or '.join(map(repr, FOLLOWS[before]))}"
            )
        before = message.speaker
    if before != "assistant":
        last = f"it is of {before!r}" if before else "there is none"
        raise DataError(f"{place}: expected the last of the messages to be the assistant's, {last}")
    return Example(tuple(said), place=place)


def message_list(value: object, key: str, place: str) -> Iterator[Message]:
    """The messages of a list; texts alone take turns, the user's first.

    Raises:
        DataError: it is no list, or one of its messages is none.
    """
    if not isinstance(value, list):
        raise DataError(f"{place}: {key} is {kind(value)}, expected a list of messages")
    for number, item in enumerate(value):
        where = f"{place}: message {number}"
        if isinstance(item, str):
            yield Message(("user", "assistant")[number % 2], text(item, "text", where))
        elif isinstance(item, dict):
            yield _message(item, where)
        else:
            raise DataError(f"{where}: {kind(item)}, expected an object with role and content")


def unread(value: object) -> list[str]:
    """Keys of the messages of a list that are not read, such as `name`."""
    items = value if isinstance(value, list) else []
    found = (key for item in items if isinstance(item, dict) for key in item if key not in READ)
    return list(dict.fromkeys(found))


def _message(fields: Mapping[str, object], place: str) -> Message:
    role = fields.get("role", fields.get("from"))
    if not isinstance(role, str) or role not in SPEAKERS:
        said = repr(role[:40]) if isinstance(role, str) else kind(role)
        found = f"role is {said}" if role is not None else f"role is missing among {keys(fields)}"
        raise DataError(f"{place}: {found}, expected one of {quoted(SPEAKERS)}")
    speaker = SPEAKERS[role]
    whole = stated(fields, place)
    default = 1.0 if speaker == "assistant" else 0.0
    pieces = _pieces(fields, whole, default, place)
    content = "".join(piece for piece, _ in pieces)
    if DETAIL in fields:
        pieces = detailed(fields, content, default if whole is None else whole.weight, place)
    unsaid = all(weight == default for _, weight in pieces)
    thinking = _thoughts(fields, speaker, place)
    return Message(speaker, content, spans=() if unsaid else spans(pieces), thinking=thinking)


def _thoughts(fields: Mapping[str, object], speaker: Speaker, place: str) -> str:
    """What an answer's message says under a key of thoughts; "" for nothing.

    Raises:
        DataError: it is no text, another speaker's, or two keys contradict each other.
    """
    said = {key: text(fields[key], key, place) for key in THOUGHTS if fields.get(key)}
    if said and speaker != "assistant":
        raise DataError(f"{place}: {quoted(said)} of {speaker!r}, expected of the assistant alone")
    if len(set(said.values())) > 1:
        raise DataError(f"{place}: {quoted(said)} differ, expected one of them")
    return next(iter(said.values()), "")


def _pieces(
    fields: Mapping[str, object], whole: Stated | None, default: float, place: str
) -> list[tuple[str, float]]:
    """The texts of a message with their weights."""
    content = fields.get("content", fields.get("value"))
    calls = fields.get("tool_calls")
    if content is None and not calls:
        raise DataError(f"{place}: content is missing among {keys(fields)}, expected a text")
    parts = content if isinstance(content, list) else [] if content is None else [content]
    pieces = [_piece(part, whole, default, place) for part in parts]
    if calls:
        pieces.append((_calls(calls, place), default if whole is None else whole.weight))
    return pieces


def _piece(part: object, whole: Stated | None, default: float, place: str) -> tuple[str, float]:
    if not isinstance(part, dict):
        return text(part, "content", place), default if whole is None else whole.weight
    if part.get("type", "text") != "text" or "text" not in part:
        found = part.get("type") if isinstance(part.get("type"), str) else keys(part)
        raise DataError(f"{place}: a part of content is {found}, expected parts of type text")
    said = stated(part, f"{place}: content")
    return text(part["text"], "content", place), refined(whole, said, default, place)


def _calls(calls: object, place: str) -> str:
    """Calls of tools as text, the way that Hermes models write them."""
    if not isinstance(calls, list):
        raise DataError(f"{place}: tool_calls is {kind(calls)}, expected a list")
    written = []
    for call in calls:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise DataError(f"{place}: tool_calls has {kind(call)}, expected name and arguments")
        said = {"name": function["name"], "arguments": function.get("arguments", {})}
        written.append(f"<tool_call>\n{json.dumps(said, ensure_ascii=False)}\n</tool_call>")
    return text("\n".join(written), "tool_calls", place)
