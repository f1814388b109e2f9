"""Text that is written out already, in stretches that are labelled as trained on or not."""

from __future__ import annotations

from collections.abc import Mapping

from harness.data.errors import DataError
from harness.data.example import Example, Message
from harness.data.values import keys, kind, text, truth


def segments(fields: Mapping[str, object], place: str) -> Example:
    """An example from `segments`, a list of `{text, label}`: what is labelled true is the answer.

    No template is put around it; where the record has the whole `text` too, it must be the same.

    Raises:
        DataError: a segment is none, or the last is not labelled true.
    """
    items = fields["segments"]
    if not isinstance(items, list):
        raise DataError(f"{place}: segments is {kind(items)}, expected a list of text and label")
    merged: list[tuple[bool, str]] = [(False, "")]
    for number, item in enumerate(items):
        where = f"{place}: segment {number}"
        if not isinstance(item, dict) or "text" not in item or "label" not in item:
            found = keys(item) if isinstance(item, dict) else kind(item)
            raise DataError(f"{where}: {found}, expected 'text' and 'label'")
        trained, piece = truth(item["label"], "label", where), text(item["text"], "text", where)
        if merged[-1][0] == trained:
            merged[-1] = (trained, merged[-1][1] + piece)
        else:
            merged.append((trained, piece))
    if not merged[-1][0]:
        raise DataError(f"{place}: expected the last of the segments to be labelled true")
    whole = "".join(piece for _, piece in merged)
    if "text" in fields and text(fields["text"], "text", place) != whole:
        raise DataError(f"{place}: text differs from the segments' texts, expected the same")
    said = [Message("assistant" if trained else "user", piece) for trained, piece in merged]
    return Example(tuple(said), place=place, written=True)
