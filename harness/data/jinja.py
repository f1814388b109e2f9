"""Chat templates carried out in a process of their own, with bounds on time, memory and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from harness.data import jinja_process
from harness.paths import located

LARGEST = 1 << 20
"""Bytes of a template; those of models have some ten thousand."""

Conversation = Sequence[dict[str, str]]
"""Messages with their role and content."""


class ChatTemplate(NamedTuple):
    """A template in Jinja.

    Attributes:
        name: how messages call it.
        text: the template.
        bos, eos: what it may write as `bos_token` and `eos_token`.
        specials: special tokens of the model whose own template this is, which closes each answer
            with one of them; none for a template of the user's, where the caller adds the end.
    """

    name: str
    text: str
    bos: str = ""
    eos: str = ""
    specials: tuple[str, ...] = ()


def written(template: ChatTemplate, conversations: Sequence[Conversation]) -> list[str]:
    """The conversations as a template writes them.

    Raises:
        ValueError: the template is faulty, refuses a conversation, or is beyond the bounds.
    """
    return _process(template, os.getpid()).ask(conversations)


def read(path: str) -> ChatTemplate:
    """The template in a file. Its `bos_token` and `eos_token` are empty: an answer's end is the
    tokenizer's own token, which the caller adds.

    Raises:
        ValueError, OSError: it is no template.
    """
    place = located(path)
    if not place.is_file():  # to open a named pipe would wait
        raise ValueError(f"data.template={path}: expected a file")
    with place.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(
            f"data.template={path}: more than {LARGEST:,} bytes, expected a chat template"
        )
    try:
        return ChatTemplate(f"data.template={path}", content.decode())
    except UnicodeDecodeError as error:
        raise ValueError(
            f"data.template={path}: byte {error.start} is not UTF-8, expected text in UTF-8"
        ) from None


class _Process:
    """A process that knows one template."""

    def __init__(self, template: ChatTemplate) -> None:
        self._name = template.name
        self._process = subprocess.Popen(
            [sys.executable, "-P", jinja_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        weakref.finalize(self, _end, self._process)
        self._send({"text": template.text, "bos": template.bos, "eos": template.eos})

    def ask(self, conversations: Sequence[Conversation]) -> list[str]:
        """What the template makes of conversations; a process that ended says so each time."""
        self._send(conversations)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ValueError(
                f"{self._name}: takes more than {jinja_process.SECONDS:g} seconds of "
                "computing, expected a template that only writes messages"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(f"{self._name}: {answer['error']}")
        texts: list[str] = answer["texts"]
        return texts

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended; the reader of its answer says so
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()


@lru_cache(maxsize=4)
def _process(template: ChatTemplate, _parent: int) -> _Process:
    """The process of a template; a fork of its parent starts one of its own."""
    return _Process(template)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what it was still to be told
                pipe.close()
