"""A judge's replies, kept raw under the hash of what was asked, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from harness.records import JUDGED
from harness.records.storage import append

REPLIES = "replies.jsonl"


@dataclass(kw_only=True, slots=True)
class Reply:
    """One reply.

    Attributes:
        key: sixteen hex digits over the request.
        request: model, messages and settings; neither form, address nor key.
        text: what was said.
        model: what the server says that it is.
        tokens_in: tokens of the prompt, as the server counts.
        tokens_out: tokens of the reply.
        form: in which it was asked for, one of `harness.judging.forms.FORMS`; "" in a file of an
            older version, which does not say.
    """

    key: str
    request: Mapping[str, Any]
    text: str
    model: str
    tokens_in: int
    tokens_out: int
    form: str = ""


@dataclass(slots=True)
class Replies:
    """All replies kept in a folder; of several threads one writes at a time.

    Attributes:
        path: the file.
        known: key -> reply.
    """

    path: Path
    known: dict[str, Reply] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, request: Mapping[str, Any]) -> Reply | None:
        """What was said to a request; None where it was not asked yet."""
        return self.known.get(key_of(request))

    def keep(self, reply: Reply) -> None:
        """Write a reply down.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._lock:
            self.known[reply.key] = reply
            with self.path.open("a", encoding="utf-8") as file:
                append(file, reply)


def replies_in(folder: Path) -> Replies:
    """The replies kept in a sweep's folder; a line that a killed command left half is passed over.

    Raises:
        OSError: the folder cannot be written.
    """
    hidden = folder / JUDGED
    hidden.mkdir(exist_ok=True)
    found = Replies(hidden / REPLIES)
    if found.path.is_file():
        text = found.path.read_text("utf-8", "replace")
        for line in text.splitlines():
            try:
                reply = Reply(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found.known[reply.key] = reply
        if text and not text.endswith("\n"):
            with found.path.open("a", encoding="utf-8") as file:
                file.write("\n")
    return found


def key_of(request: Mapping[str, Any]) -> str:
    """Sixteen hex digits over a request."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
