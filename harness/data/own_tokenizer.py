"""The tokenizer of a model of transformers, so that segments can be encoded one by one.

In a template's text special tokens are themselves; in the texts of messages whatever spells one is
plain text. A tokenizer that puts a blank before every text does so before the first one alone.
"""

from __future__ import annotations

import copy
import hashlib
import json
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.example import alpaca
from harness.data.jinja import ChatTemplate
from harness.data.own_files import Files, ModelError, find_own, quiet
from harness.data.prompt import render

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend  # of an extra, and runs of our models import this

PROBES = ("Name it.", " Paris", "a", "x\n", "\n\ny ", " - z", "12 3")
"""Texts whose ids, one text after another, must stand for the texts one after another."""


class OwnTokenizer:
    """A fast tokenizer of transformers.

    Attributes:
        end: id of the token that closes an answer where the template says none: the tokenizer's
            end of text.
        stops: ids at which a response ends, that of `end` first.
        opening: ids that the tokenizer puts before a text by itself: its begin of text, or none.
        chat: the model's own chat template; None where it has none.
        digest: sixteen hex digits over vocabulary, rules and chat template.
    """

    def __init__(self, files: Files, theirs: Any) -> None:
        """From a tokenizer as transformers loads it.

        Raises:
            ModelError: texts cannot be encoded one by one, or an end token is missing.
        """
        self._path = files.path
        self._theirs = theirs
        spec = json.loads(theirs.backend_tokenizer.to_str())
        bare = _without_prefix(spec)
        template = str(theirs.chat_template or "")
        self._first = _Pair(spec, template)
        self._inner = _Pair(bare, template) if bare != spec else self._first
        if theirs.eos_token_id is None:
            raise ModelError(f"model.path={files.path}: its tokenizer names no end token (eos)")
        self.end = int(theirs.eos_token_id)
        self.size = max(theirs.backend_tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        self.opening = _opening(theirs.backend_tokenizer)
        self.chat: ChatTemplate | None = None
        if template:
            self.chat = ChatTemplate(
                f"chat template of {files.path}",
                template,
                str(theirs.bos_token or ""),
                str(theirs.eos_token or ""),
                tuple(sorted(self._first.specials, key=len, reverse=True)),
            )
        spelled = json.dumps([spec, self.end, self.chat and self.chat[1:]], sort_keys=True)
        self.digest = hashlib.sha256(spelled.encode()).hexdigest()[:16]
        self._check()

    @cached_property
    def stops(self) -> tuple[int, ...]:
        """Ids at which a response ends: `end`, and what closes an answer in the chat template."""
        closing: list[int] = []
        if self.chat:
            with suppress(ValueError):  # a template that cannot be used says so where it is
                closing = self.markup(render(alpaca("a", "", "b"), self.chat)[-1].text)[-1:]
        return tuple(dict.fromkeys([self.end, *closing]))

    def encode(self, text: str, *, first: bool = False) -> list[int]:
        """Ids of a message's text; a special token written out in it is plain text."""
        pair = self._first if first else self._inner
        return pair.plain.encode(text, add_special_tokens=False).ids

    def markup(self, text: str, *, first: bool = False) -> list[int]:
        """Ids of a template's text, special tokens as they are."""
        pair = self._first if first else self._inner
        return pair.special.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Text of `ids`, special tokens written out."""
        return self._inner.special.decode(ids, skip_special_tokens=False)

    def save(self, folder: Path) -> None:
        """Write the tokenizer as transformers reads it.

        Raises:
            OSError: the folder cannot be written.
        """
        self._theirs.save_pretrained(folder)

    def _check(self) -> None:
        """Refuse a tokenizer whose ids of two texts are not those of the texts together.

        Raises:
            ModelError: with an example.
        """
        for one in PROBES:
            for other in PROBES:
                found = self.decode(self.encode(one) + self.encode(other))
                if found != one + other:
                    raise ModelError(
                        f"model.path={self._path}: its tokenizer writes {one!r} and {other!r}, "
                        f"encoded one by one, as {found!r}; expected one whose texts can be put "
                        "together"
                    )
        for special in self._first.specials:
            if self._first.id_of(special) in self.encode(special):
                raise ModelError(
                    f"model.path={self._path}: its tokenizer takes {special!r} in a user's text "
                    "for the special token; expected one that can leave it plain text"
                )


class _Pair:
    """A tokenizer that takes special tokens in a text for themselves, and one that does not.

    Attributes:
        special, plain: the two.
        specials: the special tokens, as they are spelled.
    """

    def __init__(self, spec: dict[str, Any], template: str) -> None:
        self.specials = [
            token["content"]
            for token in spec["added_tokens"]
            if token["special"] or (token["content"].strip() and token["content"] in template)
        ]
        # Their ids follow from their places, so all stay.
        marked = [
            {**token, "special": token["content"] in self.specials}
            for token in spec["added_tokens"]
        ]
        text = json.dumps(spec)
        same = marked == spec["added_tokens"]
        self.special = _backend(text)
        self.plain = _backend(text if same else json.dumps({**spec, "added_tokens": marked}))
        self.plain.encode_special_tokens = True

    def id_of(self, token: str) -> int:
        found = self.special.token_to_id(token)
        assert found is not None
        return int(found)


def _backend(spec: str) -> Backend:
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(spec)
    backend.no_padding()
    backend.no_truncation()
    return backend


def _without_prefix(spec: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer without the blank that some put before a text, and take away when decoding."""
    steps = ("normalizer", "pre_tokenizer", "decoder")
    bare = spec | {step: copy.deepcopy(spec[step]) for step in steps}
    if bare["normalizer"]:
        bare["normalizer"] = _dropped(bare["normalizer"], "normalizers", "Prepend")
    for part in _parts(bare["pre_tokenizer"], "pretokenizers"):
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        if part["type"] == "ByteLevel":
            part["add_prefix_space"] = False
    for part in _parts(bare["decoder"], "decoders"):
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        if part["type"] == "Strip" and part["content"] == " ":
            part["start"] = 0
    return bare


def _parts(part: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """A step, or the steps of a sequence."""
    if part is None:
        return []
    return list(part[key]) if part["type"] == "Sequence" else [part]


def _dropped(part: dict[str, Any], key: str, kind: str) -> dict[str, Any] | None:
    """The step without those of a kind; None where nothing is left."""
    left = [each for each in _parts(part, key) if each["type"] != kind]
    if len(left) == len(_parts(part, key)):
        return part
    return {"type": "Sequence", key: left} if left else None


def _opening(backend: Any) -> tuple[int, ...]:
    """What the tokenizer puts before a text by itself."""
    whole = backend.encode("a", add_special_tokens=True).ids
    text = backend.encode("a", add_special_tokens=False).ids
    places = range(len(whole) - len(text) + 1)
    begin = next((place for place in places if whole[place : place + len(text)] == text), 0)
    return tuple(whole[:begin])


@cache
def load_own_tokenizer(path: str) -> OwnTokenizer:
    """The tokenizer of the model that `model.path` names.

    Raises:
        ModelError: it is not to be had, or not to be used.
    """
    files = find_own(path)
    quiet()
    from transformers import AutoTokenizer

    options = {"gguf_file": files.gguf} if files.gguf else {}
    try:
        theirs = AutoTokenizer.from_pretrained(
            str(files.folder), trust_remote_code=False, local_files_only=True, **options
        )
    except Exception as error:  # the library raises what it likes
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"model.path={path}: no tokenizer ({type(error).__name__}: {reason})"
        ) from None
    if not getattr(theirs, "is_fast", False):
        raise ModelError(
            f"model.path={path}: its tokenizer {type(theirs).__name__} has no fast form, expected "
            "a tokenizer.json"
        )
    return OwnTokenizer(files, theirs)
