"""Records of one question and one answer, under the names that sets give them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.data.errors import DataError
from harness.data.example import Example, Message
from harness.data.shapes.chat import conversation, message_list, opening
from harness.data.values import quoted, text

QUESTIONS = ("instruction", "prompt", "question")
INPUTS = ("input", "context")
ANSWERS = ("output", "completion", "response", "answer")


def pair(fields: Mapping[str, object], place: str) -> Example:
    """An example from a question, maybe what it is about, and an answer: texts, or lists of
    messages.

    Raises:
        DataError: a value is neither, or two keys could hold the same.
    """
    question, answer = _only(fields, QUESTIONS, place), _only(fields, ANSWERS, place)
    about = _only(fields, INPUTS, place) if any(key in fields for key in INPUTS) else ""
    context = text(fields[about], about, place) if about else ""
    said = opening(fields, place)
    if isinstance(fields[question], list):
        if context:
            raise DataError(f"{place}: {question} is a list of messages, expected no {about}")
        said += message_list(fields[question], question, place)
    else:
        said.append(Message("user", text(fields[question], question, place), context))
    if isinstance(fields[answer], list):
        said += message_list(fields[answer], answer, place)
    else:
        said.append(Message("assistant", text(fields[answer], answer, place)))
    return conversation(said, place)


def _only(fields: Mapping[str, object], names: tuple[str, ...], place: str) -> str:
    found = [name for name in names if name in fields]
    if len(found) != 1:
        raise DataError(
            f"{place}: {quoted(found)} could each be the {names[0]}, expected one of them; "
            f"data.columns={{{names[0]}: {found[0]}, ...}} says which"
        )
    return found[0]
