"""Sets of the Hugging Face hub: what the library `datasets` is asked, and what it answers when the
hub is one on this machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.data.errors import DataError
from harness.data.files import read_examples
from tests.fake_hub import COMMIT, hub, said_of
from tests.tiny import write_records

Asked = list[tuple[str | None, ...]]

MODULES = ("", ".packaged_modules", ".packaged_modules.cache", ".packaged_modules.cache.cache")


class Builder:
    """The library's, as far as it is used."""

    hash = COMMIT

    def __init__(self, asked: Asked, *arguments: str | None) -> None:
        self._asked, self._arguments = asked, arguments

    def download_and_prepare(self) -> None:
        pass

    def as_dataset(self, split: str) -> list[dict[str, str | None]]:
        self._asked.append((*self._arguments, split))
        return [{"question": "a", "context": None, "answer": "b"}]


class Cached(Builder):
    """From the library's cache, while the hub is out of reach."""


def library(monkeypatch: pytest.MonkeyPatch, kind: type[Builder]) -> Asked:
    """In place of the library; returns what it will be asked for."""
    asked: Asked = []

    def load_dataset_builder(name: str, config: str | None, *, revision: str | None) -> Builder:
        return kind(asked, name, config, revision)

    content = SimpleNamespace(load_dataset_builder=load_dataset_builder, Cache=Cached)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, f"datasets{name}", content)
    return asked


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("hf:owner/name", ("owner/name", None, None, "train")),
        ("hf:o/n/main@v1.0:test[:5%]", ("o/n", "main", "v1.0", "test[:5%]")),
        ("hf:o/n@refs/convert/parquet", ("o/n", None, "refs/convert/parquet", "train")),
    ],
)
def test_a_set_of_the_hub_is_asked_for_by_its_parts(
    monkeypatch: pytest.MonkeyPatch, address: str, arguments: tuple[str | None, ...]
) -> None:
    asked = library(monkeypatch, Builder)
    (example,) = read_examples(address)
    assert asked == [arguments] and example.place == f"{address}: row 1"
    question, answer = example.messages
    assert (question.content, answer.content) == ("a", "b")


def test_another_revision_is_not_taken_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    library(monkeypatch, Cached)
    for address in ("hf:o/n", f"hf:o/n@{COMMIT}"):
        assert len(read_examples(address)) == 1
    with pytest.raises(DataError, match=f"hf:o/n@v2: the hub is out of reach and {COMMIT} was"):
        read_examples("hf:o/n@v2")


READ = """
import sys
from harness.data.errors import DataError
from harness.data.files import read_examples
for path in sys.argv[1:]:
    try:
        print(*(each.messages[-1].content for each in read_examples(path)), sep=", ")
    except DataError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_set_of_the_hub_comes_by_name_revision_and_split(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="needs the extra data")
    (tmp_path / "set").mkdir()
    write_records(tmp_path / "set" / "train.jsonl", 3, words=1)
    write_records(tmp_path / "set" / "test.jsonl", 2, words=1)
    asked = ("hf:o/set@v1", "hf:o/set@v1:test", "hf:o/set@v2", "hf:o/none")
    with hub("o/set", tmp_path / "set", "datasets") as server:
        train, test, later, none = said_of(READ, tmp_path, server.url, *asked)
    assert (train, test) == ("0, 1, 2", "0, 1")
    assert later.startswith("data.path=hf:o/set@v2: DatasetNotFoundError: Revision 'v2' doesn't")
    assert none.startswith("data.path=hf:o/none: DatasetNotFoundError: Dataset 'o/none' doesn't")
    # The server is gone.
    asked = ("hf:o/set:test", f"hf:o/set@{COMMIT}", "hf:o/set@v2", "hf:o/none")
    test, train, later, none = said_of(READ, tmp_path, server.url, *asked)
    assert (train, test) == ("0, 1, 2", "0, 1")
    assert later.startswith("data.path=hf:o/set@v2: the hub is out of reach and 0123456789abcdef")
    assert none.startswith("data.path=hf:o/none: ConnectionError: Couldn't reach")
