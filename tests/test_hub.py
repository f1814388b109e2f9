"""Models of the Hugging Face hub, fetched from one on this machine: GPT-2 by our own fetching,
others by the hub's library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.data import fetch
from harness.data.byte_level import CHARACTERS
from harness.data.byte_pairs import load_tokenizer
from harness.data.errors import DataError
from harness.data.hub_files import ENDPOINT, hub_files, hub_folder
from harness.data.tokens import tokenizer_of
from harness.models import weights as checkpoint
from harness.models.hugging_face import export
from harness.models.opened import open_base
from harness.paths import CONF
from tests.fake_hub import COMMIT, Hub, hub, said_of
from tests.own_models import write_model
from tests.tiny import run_of, toy

NAME = "openai-community/gpt2"
SIZES = ("model.layers=2", "model.width=32", "model.heads=4", "model.context=128")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of 259 tokens in Hugging Face's format."""
    folder = tmp_path_factory.mktemp("gpt2")
    characters = sorted(CHARACTERS, key=lambda c: (c > "\xff", c))
    vocabulary = {text: id for id, text in enumerate([*characters, "he", "hey"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\nh e\nhe y\n", encoding="utf-8")
    export(toy(vocabulary=259), load_tokenizer("gpt2", folder), folder)
    (folder / "tokenizer.json").unlink()
    return folder


@pytest.fixture
def server(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv(fetch.CACHE, str(tmp_path / "cache"))
    with hub(NAME, folder) as server:
        monkeypatch.setenv(ENDPOINT, server.url)
        hub_files.cache_clear()
        load_tokenizer.cache_clear()
        yield server
    hub_files.cache_clear()
    load_tokenizer.cache_clear()


def gpt2(address: str) -> tuple[str, ...]:
    return ("model=gpt2", *SIZES, f"model.weights={address}")


def test_gpt2_is_fetched_once_and_read_offline_afterwards(server: Hub, folder: Path) -> None:
    model = run_of(*gpt2(f"hf:{NAME}@v1")).model
    found = open_base(model)
    assert checkpoint.digest(found.model) == checkpoint.digest(toy(vocabulary=259))
    assert found.tokenizer.encode("heyhe") == [257, 256] and found.tokenizer.size == 259
    place = hub_folder(f"hf:{NAME}@v1")
    assert place.name == "openai-community--gpt2@v1" and found.files == [
        place / "model.safetensors"
    ]
    names = ("vocab.json", "merges.txt", "config.json", "model.safetensors")
    assert server.asked == [f"/{NAME}/resolve/v1/{name}" for name in names]
    hub_files.cache_clear()
    load_tokenizer.cache_clear()
    server.name = "nobody/nothing"
    assert checkpoint.digest(open_base(model).model) == checkpoint.digest(found.model)
    assert len(server.asked) == 4


def test_random_weights_take_the_ranks_that_were_fetched(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer_of(run_of(*gpt2(f"hf:{NAME}@v1")).model)
    load_tokenizer.cache_clear()
    monkeypatch.setattr("tiktoken.get_encoding", lambda name: pytest.fail("downloads"))
    assert tokenizer_of(run_of(*gpt2("random")).model).encode("heyhe") == [257, 256]
    assert [path.rpartition("/")[2] for path in server.asked] == ["vocab.json", "merges.txt"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (f"hf:{NAME}@v2", f"cannot fetch URL/{NAME}/resolve/v2/vocab.json (the server says 404"),
        ("hf:nobody/gpt2", "cannot fetch URL/nobody/gpt2/resolve/main/vocab.json (the server says"),
        ("hf:gpt2", "expected hf:owner/name[@revision]"),
    ],
)
def test_what_the_hub_has_not_is_one_line(server: Hub, address: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        tokenizer_of(run_of(*gpt2(address)).model)
    line = str(caught.value)
    assert line.startswith(f"model.weights={address}: {message.replace('URL', server.url)}")
    assert "\n" not in line


def test_a_hub_that_is_out_of_reach_is_one_line(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"cannot fetch .*refused.*expected to be online") as caught:
        checkpoint.find(f"hf:{NAME}@v1", "gpt2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", ["", "-medium", "-large", "-xl"])
def test_gpt2_is_pinned(size: str) -> None:
    text = (CONF / "model" / f"gpt2{size}.yaml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("weights: ")]
    address, commit = line.split()[1].split("@")
    assert address == f"hf:openai-community/gpt2{size}" and len(bytes.fromhex(commit)) == 20


READ = """
import sys
from harness.data.own_files import ModelError, find_own
from harness.models.own_loading import own_shape
for path in sys.argv[1:]:
    try:
        print(find_own(path).folder.name, own_shape(path).parameters)
    except ModelError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_model_of_transformers_comes_by_id_and_revision(tmp_path: Path) -> None:
    """In a process of its own, since the hub's library reads its address when it is imported."""
    model = write_model(tmp_path / "model", "llama")
    with hub("owner/tiny", model) as server:
        said = said_of(READ, tmp_path, server.url, "owner/tiny@v1", "owner/tiny@v2", "owner/none")
        assert said[0].startswith(f"{COMMIT} ")
        assert any(path.endswith("model.safetensors") for path in server.asked)
    for line, path in zip(said[1:], ("owner/tiny@v2", "owner/none"), strict=True):
        assert line.startswith(f"model.path={path}: no such folder, and not to be had of the hub (")
    again = said_of(READ, tmp_path, server.url, "owner/tiny@v1", "owner/none")  # the server is gone
    assert again[0] == said[0]
    assert again[1].startswith("model.path=owner/none: no such folder, and not to be had of the")
